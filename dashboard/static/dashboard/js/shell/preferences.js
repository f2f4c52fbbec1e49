// What a reader chose, kept in this browser. The theme is a cookie, so that the server can write
// the page in it from the first byte; all else is nobody's business but the browser's.

const PREFIX = "cryptosite.";
const YEAR_SECONDS = 31_536_000;

const changes = new EventTarget();
// What was chosen in this page, for browsers that keep nothing.
const chosen = new Map();

/** The choice of that name, or `fallback` where none was made or the browser keeps nothing. */
export function preference(name, fallback) {
  try {
    return localStorage.getItem(PREFIX + name) ?? fallback;
  } catch {
    return chosen.get(name) ?? fallback;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    chosen.set(name, value);
  }
  changes.dispatchEvent(new CustomEvent(name, { detail: value }));
}

/** Call back with the new value, of this tab or of another. */
export function onPreference(name, callback) {
  changes.addEventListener(name, (event) => callback(event.detail));
  addEventListener("storage", (event) => {
    if (event.key === PREFIX + name) callback(event.newValue);
  });
}

export function theme() {
  return document.documentElement.dataset.theme ?? "system";
}

/** "system", "light" or "dark". */
export function chooseTheme(wanted) {
  const root = document.documentElement;
  if (wanted === "system") delete root.dataset.theme;
  else root.dataset.theme = wanted;
  document.cookie = `theme=${wanted}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
}

/** Call back when the page's colours have changed: by choice or with the system. */
export function onTheme(callback) {
  const observer = new MutationObserver(callback);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback);
}
