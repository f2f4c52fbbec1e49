// ECharts, loaded when the first chart opens, drawn in the page's own colours.
//
// Tooltips are elements built by the page (chart_tip.js): ECharts' own would carry inline styles,
// which the Content-Security-Policy refuses. `confine` keeps it from drawing its arrow that way.

import { colour } from "./colours.js";
import { onTheme } from "./preferences.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
let library = null;

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
    new ResizeObserver(() => this.chart.resize()).observe(element);
    onTheme(() => this.draw());
    this.drawn = false;
    this.draw();
  }

  /** Draw anew, with other options where they are given. Only the first time moves. */
  draw(optionsOf = this.optionsOf) {
    this.optionsOf = optionsOf;
    const moving = !this.drawn && !still.matches;
    this.chart.setOption(settled(this.optionsOf(colour), moving), { notMerge: true });
    this.drawn = true;
  }

  /** Call back at an event of ECharts, such as a click on a mark. */
  on(event, callback) {
    this.chart.on(event, callback);
  }
}

// What holds for every chart, whatever its options say.
function settled(options, moving) {
  const quiet = colour("--muted");
  return {
    backgroundColor: "transparent",
    ...options,
    animation: moving && options.animation !== false,
    animationDuration: 250,
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
