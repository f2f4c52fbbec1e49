// Buttons that copy: `data-copy` holds the text, or names by "#id" the element that does.

const SAID_MS = 1_600;

export function makeCopyable(root = document) {
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button, textOf(button.dataset.copy));
  });
}

/** Copy the text, and say so on the button. */
export async function copy(button, text) {
  button.dataset.label ??= button.textContent;
  const done = await write(text);
  button.textContent = done ? "Copied" : "Not copied";
  clearTimeout(Number(button.dataset.timer));
  const restore = () => {
    button.textContent = button.dataset.label;
  };
  button.dataset.timer = String(setTimeout(restore, SAID_MS));
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeBySelection(text);
  }
}

// Without TLS, on any host but this one, browsers have no clipboard to write to.
function writeBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

function textOf(named) {
  return named.startsWith("#") ? (document.getElementById(named.slice(1))?.textContent ?? "") : named;
}
