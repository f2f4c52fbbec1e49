// What the chart's marks mean, drawn as the chart draws them.

const SVG = "http://www.w3.org/2000/svg";
const UP = "M2 9 L6 2.5 L10 9 Z";
const DOWN = "M2 3 L6 9.5 L10 3 Z";
const ENTRIES = [
  ["k-up", [UP], "long, not over yet"],
  ["k-up", [DOWN], "short, not over yet"],
  ["k-hit", [UP], "target 1 reached"],
  ["k-miss", [UP, "M4 10.5 L8 14 M4 14 L8 10.5"], "stopped out"],
  ["k-flat", [UP, "M2.5 12 L9.5 12"], "timed out"],
  ["k-candle", ["M6 0 L6 14 M3 3 L9 3 L9 11 L3 11 Z"], "rose (hollow) or fell (filled)"],
  ["k-grey", ["M6 0 L6 14 M3 3 L9 3 L9 11 L3 11 Z"], "not confirmed by the exchange"],
];

export function showLegend(list) {
  list.replaceChildren(...ENTRIES.map(entry));
}

function entry([kind, paths, text]) {
  const item = document.createElement("li");
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 12 15");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", kind);
  for (const each of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", each);
    drawing.append(path);
  }
  item.append(drawing, text);
  return item;
}
