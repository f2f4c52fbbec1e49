// Market time, from the server's health frames. `performance.now()` only measures how long ago
// we heard.

export class MarketClock {
  constructor() {
    this.health = null;
    this.heardAt = 0;
  }

  take(health) {
    this.health = health;
    this.heardAt = performance.now();
  }

  get speed() {
    return this.health?.speed ?? 1;
  }

  // Market time now, in ms; null in lock-step or before anything was heard.
  now() {
    if (!this.health || this.health.market_ms === null) return null;
    return this.health.market_ms + (performance.now() - this.heardAt) * this.speed;
  }

  // A length of market time as it passes on the wall; in lock-step there is no such length.
  wall(marketMs) {
    return this.speed > 0 ? marketMs / this.speed : marketMs;
  }

  // What was `ageMs` (market ms) old when it was heard of at `heardAt` is so old now, in wall ms.
  aged(ageMs, heardAt) {
    return ageMs == null ? null : Math.max(0, this.wall(ageMs) + performance.now() - heardAt);
  }

  // A limit of wall time; on a slowed-down market everything comes later by as much.
  patience(ms) {
    return Math.max(ms, this.wall(ms));
  }
}
