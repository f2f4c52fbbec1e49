// Of several tabs that hear the same news, one tells it.
//
// A lock decides between tabs that hear it at the same moment; what the browser keeps, between one
// that told it and one that hears of it later. Storage alone reaches other tabs with a delay.

const KEY = "cryptosite.told";
// More than all signals of one moment.
const KEPT = 500;
const HELD_MS = 30_000;

/** Of these names the ones that no tab has claimed before; they are this tab's from now on. */
export async function claim(names) {
  const before = new Set(claimed());
  const fresh = names.filter((name) => !before.has(name));
  const locked = await Promise.all(fresh.map(lock));
  const mine = fresh.filter((_, index) => locked[index]);
  keep(mine);
  return mine;
}

// Locks need TLS or the server's own computer; elsewhere each tab tells.
function lock(name) {
  if (!navigator.locks) return true;
  return new Promise((decide) => {
    navigator.locks.request(`${KEY}/${name}`, { ifAvailable: true }, (held) => {
      decide(held !== null);
      return held && new Promise((release) => setTimeout(release, HELD_MS));
    });
  });
}

function claimed() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

function keep(names) {
  try {
    if (names.length) localStorage.setItem(KEY, JSON.stringify([...claimed(), ...names].slice(-KEPT)));
  } catch {
    // A browser that keeps nothing has the lock.
  }
}
