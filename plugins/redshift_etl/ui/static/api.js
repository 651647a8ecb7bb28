// Reads the page's data. Addresses are relative, so that the page works below any prefix.

const RETRY_AFTER = 700; // ms; the server reads the contracts for a moment when it has just started
const TRIES = 60;

export class Failure extends Error {}

/** The JSON at api/<parts>. Throws Failure with a sentence for the reader. */
export async function get(parts, signal) {
  const address = ["api", ...parts.map(encodeURIComponent)].join("/");
  for (let tries = 1; ; tries += 1) {
    const answer = await ask(address, signal);
    if (answer.ok) return answer.json();
    if (answer.status !== 503 || tries === TRIES) throw new Failure(await reason(answer));
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
  }
}

async function ask(address, signal) {
  try {
    return await fetch(address, { signal, credentials: "same-origin", headers: { Accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("Airflow's API server does not answer.");
  }
}

async function reason(answer) {
  if (answer.status === 401) return "Your login has ended. Open Airflow again to log in.";
  if (answer.status === 403) return "Your login does not allow this page.";
  const text = await answer.text();
  try {
    return String(JSON.parse(text).detail);
  } catch {
    return `The API server answers ${answer.status}.`;
  }
}
