// Whose market it is: real, replayed and simulated figures are never mixed, and always marked.

/** While no exchange answers, and none did before: there is no market, and nothing to mark. */
export const NO_MARKET = "none";

/** "live", "simulated" or "replay". live: false, or true or null where nobody says otherwise. */
export function venueKind(venue, live) {
  if (live !== false || venue === NO_MARKET) return "live";
  return venue.startsWith("simulated") ? "simulated" : "replay";
}

/** Where no feed of ours has named its market: a feed of somebody else's, or none. */
export const UNNAMED = "external";
