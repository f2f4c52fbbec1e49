// Whose market it is: real, replayed and simulated figures are never mixed, and always marked.

/** "live", "simulated" or "replay". live: false, or true or null where nobody says otherwise. */
export function venueKind(venue, live) {
  if (live !== false) return "live";
  return venue.startsWith("simulated") ? "simulated" : "replay";
}

/** Where no feed of ours has named its market: a feed of somebody else's, or none. */
export const UNNAMED = "external";
