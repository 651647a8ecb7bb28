// Reads the page's data. Addresses are relative, so that the page works below any prefix.

const RETRY_AFTER = 700; // ms; a server that has just started responds with 503 until it has read the contracts
const ATTEMPTS = 60;

export class Failure extends Error {}

/** The JSON at api/<parts>. Throws Failure with a sentence for the reader. */
export async function get(parts, signal) {
  const address = ["api", ...parts.map(encodeURIComponent)].join("/");
  for (let attempt = 1; ; attempt += 1) {
    const response = await request(address, signal);
    if (response.ok) return response.json();
    if (response.status !== 503 || attempt === ATTEMPTS) throw new Failure(await reason(response));
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
  }
}

async function request(address, signal) {
  try {
    return await fetch(address, { signal, credentials: "same-origin", headers: { Accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("Airflow's API server does not respond.");
  }
}

async function reason(response) {
  if (response.status === 401) return "Your login has ended. Open Airflow again to log in.";
  if (response.status === 403) return "Your login does not allow this page.";
  const text = await response.text();
  try {
    return String(JSON.parse(text).detail);
  } catch {
    return `The API server responded with status ${response.status}.`;
  }
}
