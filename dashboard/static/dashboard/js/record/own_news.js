// Frames that tell something new of this very prediction: its outcome, another revision, the next
// one of the same market. A snapshot after a break may stand for any of them.

export class OwnNews {
  constructor(page, renewal) {
    this.page = page;
    this.renewal = renewal;
    this.connected = false;
  }

  apply(frame) {
    if (frame.type === "snapshot") {
      if (this.connected) this.renewal.now();
      this.connected = true;
    } else if (frame.type === "outcome" && this.page.kind === "forecast") {
      if (frame.data.some((each) => this.ownForecast(each))) this.renewal.now();
    } else if (frame.type === "signal_outcome" && this.page.kind === "signal") {
      if (frame.data.some((each) => each.signal_id === this.page.id)) this.renewal.now();
    } else if (frame.type === "signals" && this.page.kind === "signal") {
      // It is in the ledger a little later than on the socket.
      if (frame.data.some((each) => this.ownSeries(each))) this.renewal.soon();
    }
  }

  ownForecast({ tick, symbol, venue }) {
    return tick === this.page.tick && symbol === this.page.symbol && venue === this.page.venue;
  }

  ownSeries({ symbol, timeframe, venue }) {
    const { page } = this;
    return symbol === page.symbol && timeframe === page.timeframe && venue === page.venue;
  }
}
