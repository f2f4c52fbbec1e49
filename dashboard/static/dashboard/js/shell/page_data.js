// What the server wrote into the page as JSON: `shell` into every page, `page` for this one.

function read(id) {
  return JSON.parse(document.getElementById(id)?.textContent ?? "{}");
}

/** priceDecimals: symbol → decimals of its tick size; forecastSymbols, signalSymbols, reasons. */
export const shellData = read("shell");
export const pageData = read("page");
