// What a chart's tooltip shows: a title and lines of name and value, by class and as text only.

/** Return the element of a tooltip; lines: [name, value] each, null ones left out. */
export function chartTip(title, lines) {
  const box = document.createElement("div");
  box.className = "chart-tip";
  const head = document.createElement("strong");
  head.textContent = title;
  const list = document.createElement("dl");
  for (const [name, value] of lines.filter(Boolean)) {
    const term = document.createElement("dt");
    const told = document.createElement("dd");
    term.textContent = name;
    told.textContent = value;
    list.append(term, told);
  }
  box.append(head, list);
  return box;
}
