// Swagger UI in the shell. It has dark colours of its own, which a class on <html> asks for.

import { onTheme, theme } from "../shell/preferences.js";
import { Shell } from "../shell/shell.js";

const system = matchMedia("(prefers-color-scheme: dark)");

function follow() {
  const chosen = theme();
  const dark = chosen === "dark" || (chosen === "system" && system.matches);
  document.documentElement.classList.toggle("dark-mode", dark);
}

follow();
onTheme(follow);
new Shell().start();
