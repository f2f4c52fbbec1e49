// ECharts, loaded when the first chart opens, drawn in the page's own colours.
//
// Tooltips are elements built by the page (chart_tip.js): ECharts' own would carry inline styles,
// which the Content-Security-Policy refuses. `confine` keeps it from drawing its arrow that way.

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let library = null;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function onThemeChange(callback) {
  const attribute = new MutationObserver(callback);
  attribute.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", callback);
  return () => {
    attribute.disconnect();
    dark.removeEventListener("change", callback);
  };
}

function load() {
  library ??= import("../../../vendor/echarts/echarts.esm.min.mjs");
  return library;
}

/** Draw in `element`; `optionsOf(colour)` returns ECharts options, colour("--token") a colour. */
export async function openChart(element, optionsOf) {
  try {
    return new Chart(await load(), element, optionsOf);
  } catch (error) {
    library = null; // A page that was offline may try again.
    throw error;
  }
}

class Chart {
  constructor(echarts, element, optionsOf) {
    this.optionsOf = optionsOf;
    this.chart = echarts.init(element, null, { renderer: "canvas" });
    this.ends = [onThemeChange(() => this.draw())];
    const sizes = new ResizeObserver(() => this.chart.resize());
    sizes.observe(element);
    this.ends.push(() => sizes.disconnect());
    const redraw = () => this.draw();
    still.addEventListener("change", redraw);
    this.ends.push(() => still.removeEventListener("change", redraw));
    this.draw();
  }

  /** Draw anew, with other options where they are given. */
  draw(optionsOf = this.optionsOf) {
    this.optionsOf = optionsOf;
    this.chart.setOption(settled(this.optionsOf(colour)), { notMerge: true });
  }

  /** Call back at an event of ECharts, such as a click on a mark. */
  on(event, callback) {
    this.chart.on(event, callback);
  }

  close() {
    for (const end of this.ends) end();
    this.chart.dispose();
  }
}

// What holds for every chart, whatever its options say.
function settled(options) {
  const quiet = colour("--muted");
  return {
    backgroundColor: "transparent",
    ...options,
    animation: !still.matches && options.animation !== false,
    animationDuration: 250,
    animationDurationUpdate: 250,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: quiet },
    tooltip: {
      ...options.tooltip,
      confine: true,
      className: "chart-tip-box",
      backgroundColor: colour("--card"),
      borderColor: colour("--line"),
      transitionDuration: 0,
      padding: 0,
      formatter: options.tooltip?.formatter ?? (() => null),
    },
    aria: { enabled: true, decal: { show: false }, ...options.aria },
  };
}

/** Axes in the page's look; `beside` are ECharts' own words for the axis. */
export function axis(colour, beside = {}) {
  return {
    nameLocation: "middle",
    nameGap: 28,
    nameTextStyle: { color: colour("--muted"), fontSize: 11 },
    axisLine: { show: true, lineStyle: { color: colour("--line") } },
    axisTick: { show: false },
    axisLabel: { color: colour("--muted"), fontSize: 11, hideOverlap: true },
    splitLine: { show: beside.type !== "category", lineStyle: { color: colour("--grid") } },
    ...beside,
  };
}
