// Whose market runs, over the admin's pages and the login: they have no socket, so health is asked.

import { PageHead, noExchange } from "../shell/page_head.js";
import { PageText } from "../shell/page_text.js";

const ASK_EVERY_MS = 15_000;

const text = new PageText();
const head = new PageHead(text);

async function renew() {
  let health;
  try {
    health = await (await fetch("/health", { headers: { Accept: "application/json" } })).json();
  } catch {
    return; // what was said last stands
  }
  const outage = health.processes?.market?.detail?.outage ?? null;
  head.renderBanner(health.venue, health.live);
  head.renderVenue(health.venue, health.live, outage);
  text.write("notice", outage === null ? "" : noExchange(outage));
  text.element("notice").hidden = outage === null;
}

renew();
setInterval(renew, ASK_EVERY_MS);
