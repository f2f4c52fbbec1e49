// The System page: /api/system every five seconds, and in between the socket's health frames.

import { Refusal, ask } from "../shell/asking.js";
import { Panel } from "../shell/panel.js";
import { Shell } from "../shell/shell.js";
import { AlertList } from "./alert_list.js";
import { showFeed } from "./feed_panel.js";
import { ProcessTable } from "./process_table.js";
import { showStreams } from "./stream_table.js";
import { aboutFacts, hopFacts, ledgerFacts, redisFacts, settingsFacts } from "./system_facts.js";
import { write } from "./fact_list.js";

const ASK_EVERY_MS = 5_000;
const NO_REDIS = "Redis does not answer: nothing is known of it.";
const NO_DATABASE = "The database does not answer: nothing is known of it.";

const names = ["alerts", "processes", "hops", "streams", "redis", "ledger", "about", "feed"];
const panels = Object.fromEntries(names.map((name) => [name, new Panel(document.getElementById(name))]));
const shell = new Shell();
const alerts = new AlertList(document.getElementById("alert-list"), document.getElementById("all-well"));
const processes = new ProcessTable(document.getElementById("process-rows"));
const asOf = document.getElementById("as-of");
let told = null;
let askedAt = null;
let redisStatus = null;
let asking = false;
let frameAt = null;

async function renew() {
  // Nobody reads a hidden page; it is asked for when it is looked at again.
  if (asking || document.hidden) return;
  asking = true;
  try {
    told = await ask("/api/system");
    askedAt = performance.now();
    show();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    for (const panel of Object.values(panels)) panel.failed(refusal, renew);
  } finally {
    asking = false;
  }
}

function show() {
  alerts.show(told.alerts);
  processes.take(told.processes, askedAt);
  panels.alerts.ready();
  panels.about.ready();
  write("about-facts", aboutFacts(told));
  write("settings-facts", settingsFacts(told.about.settings));
  const redis = told.redis.status === "connected";
  for (const name of ["processes", "hops"]) known(panels[name], redis, NO_REDIS);
  known(panels.streams, told.streams !== null, NO_REDIS);
  known(panels.redis, redis && told.redis.used_bytes !== undefined, NO_REDIS);
  known(panels.ledger, told.ledger !== null, NO_DATABASE);
  if (redis) {
    write("redis-facts", redisFacts(told.redis));
  }
  known(panels.feed, redis, NO_REDIS);
  if (redis) showFeed(told);
  if (told.streams !== null) showStreams(told.streams);
  if (told.ledger !== null) write("ledger-facts", ledgerFacts(told));
}

// What was shown before stays, faded, and says why; what never was shown says so alone.
function known(panel, is, sentence) {
  if (is) panel.ready();
  else if (panel.shown) panel.stale(sentence);
  else panel.empty(sentence);
}

shell.follow({
  apply(frame) {
    frameAt = performance.now();
    const health = frame.type === "health" ? frame.data : frame.type === "snapshot" ? frame.data.health : null;
    if (!health) return;
    processes.take(health.processes, performance.now());
    // Not five seconds later: it went away, or came back, just now.
    if (redisStatus !== null && health.redis.status !== redisStatus) renew();
    redisStatus = health.redis.status;
  },
});
shell.onDraw(() => {
  processes.draw(performance.now());
  if (told?.redis.status === "connected") {
    write("hop-facts", hopFacts(told, frameAt === null ? null : performance.now() - frameAt));
  }
  if (askedAt !== null) {
    const seconds = Math.floor((performance.now() - askedAt) / 1_000);
    asOf.textContent = seconds < 10 ? "as of now" : `as of ${seconds} s ago`;
  }
});
shell.start();
renew();
setInterval(renew, ASK_EVERY_MS);
document.addEventListener("visibilitychange", renew);
