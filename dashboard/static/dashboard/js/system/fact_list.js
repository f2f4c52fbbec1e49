// Terms and what they are, written into a list; nothing is touched that has not changed.

import { made } from "../shell/elements.js";

/** rows: [term, text or element, state?]; a row whose text is null is left out. */
export function write(id, rows) {
  const list = document.getElementById(id);
  const shown = rows.filter(([, value]) => value !== null);
  const key = JSON.stringify(shown.map(([term, value, state]) => [term, value.outerHTML ?? value, state]));
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...shown.flatMap(([term, value, state]) => {
      const definition = made("dd");
      definition.append(value);
      if (state) definition.dataset.state = state;
      return [made("dt", "", term), definition];
    }),
  );
}
