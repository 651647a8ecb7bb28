// The page inside Airflow: its theme, its address bar, and links to its own pages. The frame is of the same origin,
// but sandboxed, so it cannot navigate Airflow; it can ask Airflow's router. Alone in a tab, plain links do.

function outside() {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null; // framed by another origin, which the policy refuses anyway
  }
}

/** Follow Airflow's light or dark theme; without Airflow around, the computer's. */
export function followTheme() {
  const airflow = outside();
  if (!airflow) return;
  const root = airflow.document.documentElement;
  const apply = () => {
    const theme = ["dark", "light"].find((name) => root.classList.contains(name));
    if (theme) document.documentElement.dataset.theme = theme;
  };
  apply();
  new MutationObserver(apply).observe(root, { attributes: true, attributeFilter: ["class"] });
}

const PLUGIN = "/plugin/warehouse";

/** Keep this view's address in Airflow's address bar, so that it can be sent to somebody. */
export function shareAddress() {
  const airflow = outside();
  const at = airflow ? airflow.location.pathname.indexOf(PLUGIN) : -1;
  if (at < 0) return;
  const prefix = airflow.location.pathname.slice(0, at);
  const address = prefix + PLUGIN + window.location.pathname.slice(prefix.length) + window.location.hash;
  airflow.history.replaceState(airflow.history.state, "", address);
}

/** The address of a run, or a DAG, in Airflow. */
export function runAddress(dagId, runId) {
  const base = window.location.pathname.replace(/\/warehouse\/?$/, "");
  const dag = `${base}/dags/${encodeURIComponent(dagId)}`;
  return runId ? `${dag}/runs/${encodeURIComponent(runId)}` : dag;
}

/** Go to one of Airflow's own pages. */
export function openInAirflow(event) {
  const airflow = outside();
  if (!airflow || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  airflow.history.pushState(null, "", event.currentTarget.getAttribute("href"));
  airflow.dispatchEvent(new airflow.PopStateEvent("popstate", { state: null }));
}
