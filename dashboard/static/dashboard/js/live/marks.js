// A past forecast's mark as sign and word.

export const MARKS = {
  hit: ["●", "hit"],
  miss: ["✕", "miss"],
  flat: ["–", "flat"],
  open: ["○", "open"],
  none: ["–", "not graded"],
};
