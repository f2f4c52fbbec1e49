// In what state everything that comes over the socket is, and how a panel says so.

/** {kind: "loading" | "lost" | "stale" | "refused" | "fresh", sentence}; old: ms, or null. */
export function conditionOf(shell, { heard, old, limit }) {
  const { state, attempt } = shell.connection;
  if (state === "refused") return { kind: "refused", sentence: "The server does not serve this symbol." };
  if (state !== "open") return heard ? lost("Disconnected: this is the last that came.") : waiting(attempt);
  if (shell.clock.health?.redis.status === "away") {
    const sentence = "The server has lost its data store (Redis).";
    return heard ? lost(sentence) : { kind: "failed", sentence };
  }
  if (!heard) return { kind: "loading", sentence: "" };
  if (old !== null && old > limit) {
    return { kind: "stale", sentence: `Data is ${Math.floor(old / 1_000)} s old.` };
  }
  return { kind: "fresh", sentence: "" };
}

function lost(sentence) {
  return { kind: "stale", sentence };
}

function waiting(attempt) {
  if (attempt === 0) return { kind: "loading", sentence: "" };
  return { kind: "failed", sentence: "The server does not answer. Trying again." };
}

/** Have a panel say it. nothing: why there is nothing to show, or null where there is something. */
export function showCondition(panel, condition, nothing = null) {
  const { kind, sentence } = condition;
  if (kind === "loading") panel.loading();
  else if (kind === "denied") panel.failed({ message: "", denied: true });
  else if (kind === "refused" || kind === "failed") panel.failed({ message: sentence, denied: false });
  else if (nothing !== null) panel.empty(`${nothing} ${sentence}`.trim());
  else if (kind === "stale") panel.stale(sentence);
  else panel.ready();
}
