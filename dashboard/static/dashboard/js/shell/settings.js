// The settings in every page's head: theme and time zone; what other modules add is theirs.

import { chooseTheme, preference, remember, theme } from "./preferences.js";

export function openSettings() {
  const details = document.getElementById("settings");
  choose("theme", theme(), chooseTheme);
  choose("zone", preference("zone", "local"), (value) => remember("zone", value));
  document.addEventListener("click", (event) => {
    if (!details.contains(event.target)) details.open = false;
  });
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    event.stopPropagation();
    details.open = false;
    details.querySelector("summary").focus();
  });
}

function choose(name, current, apply) {
  for (const radio of document.querySelectorAll(`#settings [name="${name}"]`)) {
    radio.checked = radio.value === current;
    radio.addEventListener("change", () => apply(radio.value));
  }
}
