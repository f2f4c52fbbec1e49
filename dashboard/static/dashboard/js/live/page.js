// The live page: frames into states, states into panels.

import { pageData, shellData } from "../shell/page_data.js";
import { Shell } from "../shell/shell.js";
import { LedgerRecord } from "./ledger_record.js";
import { Coins } from "./coins.js";
import { Hops } from "./hops.js";
import { LiveView } from "./live_view.js";
import { MarketState } from "./market_state.js";
import { ServerClock } from "./server_clock.js";
import { SymbolChoice } from "./symbol_choice.js";

const shell = new Shell({ watch: pageData.symbol });
const serverClock = shell.follow(new ServerClock((message) => shell.socket.say(message)));
const coins = shell.follow(new Coins(shellData.forecastSymbols, shell.clock));
const market = shell.follow(new MarketState(pageData.symbol));
const hops = new Hops(shell.clock, serverClock);
const ledger = new LedgerRecord(() => shell.redraw());
let measured = null;

shell.follow({
  apply({ type, data }) {
    // What one market took says nothing of another.
    if (coins.venue !== measured) hops.begin();
    measured = coins.venue;
    const coin = coins.of(market.symbol);
    if (type === "predictions" && data.some((each) => each.symbol === market.symbol)) {
      hops.arrive(coin.latest, coin.publishedMs, coin.quote);
    }
    ledger.follow(market.symbol, coins.venue);
  },
});

const choice = new SymbolChoice(pageData.symbol, shellData.forecastSymbols, (symbol) => {
  market.choose(symbol);
  hops.begin();
  shell.socket.watch(symbol);
  ledger.follow(symbol, coins.venue);
  shell.redraw();
});

const view = new LiveView({ page: pageData, shell, coins, market, hops, ledger, choice });
shell.onProblem(() => view.problem());
shell.onDraw(() => view.draw());
shell.start();
