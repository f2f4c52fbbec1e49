// Whose market runs, over the admin's pages and the login: they have no socket, so health is asked.

import { PageHead } from "../shell/page_head.js";
import { PageText } from "../shell/page_text.js";

const ASK_EVERY_MS = 15_000;

const head = new PageHead(new PageText());

async function renew() {
  let health;
  try {
    health = await (await fetch("/health", { headers: { Accept: "application/json" } })).json();
  } catch {
    return; // what was said last stands
  }
  const market = health.processes?.market?.detail;
  if (typeof market?.venue === "string") head.renderBanner(market.venue, market.live === true);
}

renew();
setInterval(renew, ASK_EVERY_MS);
