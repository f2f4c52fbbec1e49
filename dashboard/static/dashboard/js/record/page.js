// The page of one signal or forecast. The server wrote all of it; here times and prices are put
// into the reader's form, the path is drawn, and what was not known yet is asked for again.

import { price } from "../shell/formats.js";
import { pageData } from "../shell/page_data.js";
import { Shell } from "../shell/shell.js";
import { adoptTimes } from "../shell/times.js";
import { Countdown } from "./countdown.js";
import { OwnNews } from "./own_news.js";
import { PathPanel } from "./path_panel.js";
import { Renewal } from "./renewal.js";
import { showLiveAccuracy } from "./live_accuracy.js";

const JUST_OVER_MS = 300; // the server's clock may be a little behind

const shell = new Shell();
const path = new PathPanel(document.getElementById("path"), pageData);
const renewal = new Renewal(pageData, dress, (page) => {
  countdown.page = page;
  path.show(page);
});
const countdown = new Countdown(shell.clock, pageData, () => renewal.soon(JUST_OVER_MS));
shell.follow(new OwnNews(pageData, renewal));

function dress(root) {
  adoptTimes(root);
  for (const element of root.querySelectorAll("data.price")) {
    element.textContent = price(Number(element.value), pageData.symbol);
    element.title = element.value;
  }
  if (root.querySelector("#live-accuracy")) showLiveAccuracy(pageData);
}

dress(document);
path.show(pageData);
shell.onDraw(() => countdown.draw(shell.venue));
shell.start();
