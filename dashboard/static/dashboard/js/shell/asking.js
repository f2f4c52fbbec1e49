// Questions to the REST API. What the server refuses, and what never reached it, is a Refusal.

const TIMEOUT_MS = 20_000;

export class Refusal extends Error {
  /** status: the HTTP status; 0 where no answer came. code: the API's own. */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  get denied() {
    return this.status === 401 || this.status === 403;
  }
}

/** The address with those parameters that have a value. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The JSON answer. Raises Refusal; an aborted question raises AbortError. */
export async function ask(path, parameters = {}, { signal } = {}) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let answer;
  try {
    answer = await fetch(address(path, parameters), {
      headers: { Accept: "application/json" },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, "unreachable", "The server does not answer.");
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  const told = body?.message ?? `the server answered ${answer.status}`;
  throw new Refusal(answer.status, body?.code ?? "unknown", told);
}
