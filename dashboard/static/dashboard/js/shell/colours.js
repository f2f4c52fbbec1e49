// The page's colours as a canvas needs them: tokens.css names each once for light and dark.

let probe = null;

/** The colour of a token such as "--up", as rgb(…) or color(…) of the theme that is shown. */
export function colour(token) {
  if (probe === null) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
  }
  // A custom property's own value is still a choice between two; only a used colour is one.
  probe.style.color = `var(${token})`;
  return getComputedStyle(probe).color;
}
