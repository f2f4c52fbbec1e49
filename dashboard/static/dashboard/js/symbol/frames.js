// What the WebSocket tells of this coin, handed on by kind.

export class Frames {
  constructor({ symbol }, { onSnapshot, onQuote, onSignals, onOutcomes }) {
    this.symbol = symbol;
    this.told = { onSnapshot, onQuote, onSignals, onOutcomes };
    this.quote = null;
    this.quoteAt = 0;
  }

  apply(frame) {
    const readers = {
      snapshot: ({ data }) => this.takeSnapshot(data),
      price: ({ data }) => this.takeQuote(data[this.symbol]),
      signals: (batch) => this.takeBatch(batch),
      signal_outcome: ({ data }) => this.takeOutcomes(data),
    };
    readers[frame.type]?.(frame);
  }

  takeSnapshot(data) {
    if (data.venue === null) return;
    this.quote = null;
    this.told.onSnapshot(data.venue);
    this.takeQuote(data.quotes[this.symbol]);
  }

  takeQuote(quote) {
    if (!quote) return;
    this.quote = quote;
    this.quoteAt = performance.now();
    this.told.onQuote(quote);
  }

  takeBatch({ timeframe, data, errors }) {
    if ([...data, ...errors].some((each) => each.symbol === this.symbol)) this.told.onSignals(timeframe);
  }

  takeOutcomes(outcomes) {
    const mine = outcomes.filter((each) => each.symbol === this.symbol);
    for (const timeframe of new Set(mine.map((each) => each.timeframe))) this.told.onOutcomes(timeframe);
  }
}
