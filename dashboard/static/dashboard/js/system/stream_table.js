// The streams, each with a bar: how long its oldest unstored entry waits, of what is allowed.

import { pageData } from "../shell/page_data.js";
import { UNKNOWN, count, span } from "../shell/formats.js";
import { made } from "../shell/elements.js";
import { bar } from "./bar.js";

const body = document.getElementById("stream-rows");

export function showStreams(streams) {
  body.replaceChildren(...streams.map(row));
}

function row(stream) {
  const line = made("tr");
  line.dataset.testid = `stream-${stream.engine ?? "candles"}`;
  const head = made("th");
  head.scope = "row";
  head.append(made("code", "", stream.key));
  line.append(head);
  if (stream.problem) {
    const cell = made("td", "text bad", stream.problem);
    cell.colSpan = 6;
    line.append(cell);
    return line;
  }
  line.append(
    made("td", "", count(stream.length)),
    made("td", "", stream.newest_age_ms === null ? UNKNOWN : `${span(stream.newest_age_ms)} ago`),
    made("td", "", count(stream.behind_entries)),
    made("td", "", stream.behind_seconds === null ? UNKNOWN : stream.behind_entries ? span(stream.behind_seconds * 1_000) : "nothing"),
  );
  const cell = made("td", "text");
  if (stream.behind_seconds !== null) {
    const share = stream.behind_seconds / pageData.mostSecondsBehind;
    cell.append(bar(share, `${stream.key}: oldest waits ${span(stream.behind_seconds * 1_000)} of ${span(pageData.mostSecondsBehind * 1_000)}`, 1));
  }
  line.append(cell, made("td", stream.dead_letters ? "bad" : "", count(stream.dead_letters)));
  return line;
}
