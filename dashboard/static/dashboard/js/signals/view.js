// What the matrix shows, as the page's address says it: a link gives another reader the same view.

export const DIRECTIONS = { long: "LONG", short: "SHORT", none: "NO_TRADE" };
// Names and times from the first on; of all else most comes first.
const RISING = new Set(["list", "symbol", "left"]);
const FLAGS = ["open", "strong", "hide"];

/** timeframes: their names, shortest first. */
export function plainView(timeframes) {
  return {
    q: "",
    directions: new Set(),
    timeframes: new Set(timeframes),
    open: false,
    strong: false,
    hide: false,
    sort: "list",
    falling: false,
  };
}

/** Read `location.search`; what makes no sense is as if it were not there. */
export function readView(search, timeframes) {
  const query = new URLSearchParams(search);
  const view = plainView(timeframes);
  view.q = query.get("q") ?? "";
  view.directions = new Set(listed(query, "direction").filter((each) => each in DIRECTIONS));
  const shown = listed(query, "timeframe").filter((each) => timeframes.includes(each));
  if (shown.length) view.timeframes = new Set(shown);
  for (const flag of FLAGS) view[flag] = query.get(flag) === "1";
  const sort = query.get("sort") ?? "list";
  view.sort = [...sorts(timeframes)].includes(sort) ? sort : "list";
  view.falling = { asc: false, desc: true }[query.get("order")] ?? fallsByItself(view.sort);
  return view;
}

/** The address's query of a view, without what is so by itself; "" where all is. */
export function writeView(view, timeframes) {
  const query = new URLSearchParams();
  const put = (name, value) => value && query.set(name, value);
  put("q", view.q.trim());
  put("direction", Object.keys(DIRECTIONS).filter((each) => view.directions.has(each)).join(","));
  const shown = timeframes.filter((each) => view.timeframes.has(each));
  if (shown.length < timeframes.length) put("timeframe", shown.join(","));
  for (const flag of FLAGS) put(flag, view[flag] ? "1" : "");
  if (view.sort !== "list") put("sort", view.sort);
  if (view.falling !== fallsByItself(view.sort)) put("order", view.falling ? "desc" : "asc");
  const text = query.toString().replaceAll("%2C", ",");
  return text && `?${text}`;
}

/** Whether a filter is set, rather than an order alone. */
export function filters(view, timeframes) {
  const { q, directions, open, strong, hide } = view;
  const some = directions.size || open || strong || hide || q.trim();
  return Boolean(some) || view.timeframes.size < timeframes.length;
}

/** Sort by that; what sorts by it already turns round. */
export function sortBy(view, sort) {
  view.falling = view.sort === sort ? !view.falling : fallsByItself(sort);
  view.sort = sort;
}

function fallsByItself(sort) {
  return !RISING.has(sort);
}

function sorts(timeframes) {
  return ["list", "symbol", "change", "left", "agreement", ...timeframes];
}

function listed(query, name) {
  return (query.get(name) ?? "").split(",");
}
