// The chart's numbers, second by second, as a table; made only while somebody has it open.

import { UNKNOWN, price } from "../shell/formats.js";
import { TableTwin } from "../shell/table_twin.js";
import { time } from "../shell/times.js";
import { MARKS } from "./marks.js";
import { mark } from "./market_state.js";

const COLUMNS = [
  { name: "Time" },
  { name: "Mid price" },
  { name: "Forecast", title: "What was forecast for this second" },
  { name: "90 % from" },
  { name: "90 % to" },
  { name: "Direction" },
];

export class ChartTable {
  constructor(details) {
    this.details = details;
    this.twin = new TableTwin(details, "Price and forecasts, the newest first", COLUMNS);
  }

  show(market, minutes) {
    if (!this.details.open || market.newest === null) return;
    const key = `${market.version},${minutes}`;
    if (key === this.key) return;
    this.key = key;
    const first = market.newest - minutes * 60;
    const forecasts = new Map(market.sortedForecasts().map((f) => [Math.floor(f.target_ts / 1_000), f]));
    const last = Math.max(market.newest, ...forecasts.keys());
    const rows = [];
    for (let second = last; second > first; second -= 1) {
      const forecast = forecasts.get(second);
      if (second <= market.newest || forecast) rows.push(row(market, second, forecast));
    }
    this.twin.show(rows);
  }
}

function row({ symbol, mids }, second, forecast) {
  const told = forecast ? MARKS[mark(forecast)].join(" ") : UNKNOWN;
  return [
    time(second * 1_000),
    price(mids.get(second), symbol),
    price(forecast?.predicted_price, symbol),
    price(forecast?.lower, symbol),
    price(forecast?.upper, symbol),
    told,
  ];
}
