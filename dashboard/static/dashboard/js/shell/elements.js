// Elements made of a tag, a class and text, and the parts of a panel.

export function made(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

/** The parts of a panel that are marked with data-part, by name. */
export function parts(root) {
  return Object.fromEntries([...root.querySelectorAll("[data-part]")].map((each) => [each.dataset.part, each]));
}
