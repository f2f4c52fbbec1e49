// Which coin the page shows: by the select, the watch list, or the browser's way back.

export class SymbolChoice {
  /** symbols: those that can be shown; onChoose(symbol): called when another one is. */
  constructor(symbol, symbols, onChoose) {
    this.symbol = symbol;
    this.symbols = symbols;
    this.onChoose = onChoose;
    this.select = document.getElementById("symbol");
    this.select?.addEventListener("change", () => this.choose(this.select.value));
    this.select?.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose(this.select.value);
    });
    addEventListener("popstate", () => this.follow());
  }

  choose(symbol) {
    if (symbol === this.symbol) return;
    history.pushState(null, "", `?${new URLSearchParams({ symbol })}`);
    this.show(symbol);
  }

  follow() {
    const asked = new URLSearchParams(location.search).get("symbol");
    this.show(this.symbols.includes(asked) ? asked : this.symbols[0]);
  }

  show(symbol) {
    if (symbol === this.symbol) return;
    this.symbol = symbol;
    if (this.select) this.select.value = symbol;
    document.title = `${symbol} · cryptosite`;
    for (const element of document.querySelectorAll("[data-symbol-name]")) element.textContent = symbol;
    for (const link of document.querySelectorAll("a[data-symbol-link]")) {
      link.href = link.dataset.symbolLink.replace("{symbol}", symbol);
    }
    this.onChoose(symbol);
  }
}
