// The page inside Airflow: theme, address bar, and links to Airflow's pages. The frame has the same origin, but its
// sandbox prevents it from navigating Airflow, so links go through Airflow's router. In a tab of its own the page uses
// plain links.

function parentWindow() {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null; // a frame of another origin, which the Content-Security-Policy does not allow either
  }
}

/** Follow Airflow's light or dark theme; outside of Airflow, the operating system's. */
export function followTheme() {
  const airflow = parentWindow();
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

/** Copy this view's address to Airflow's address bar, so that it can be shared. */
export function shareAddress() {
  const airflow = parentWindow();
  const index = airflow ? airflow.location.pathname.indexOf(PLUGIN) : -1;
  if (index < 0) return;
  const prefix = airflow.location.pathname.slice(0, index);
  const address = prefix + PLUGIN + window.location.pathname.slice(prefix.length) + window.location.hash;
  airflow.history.replaceState(airflow.history.state, "", address);
}

/** The address in Airflow of a run, or of its DAG if `runId` is empty. */
export function runAddress(dagId, runId) {
  const base = window.location.pathname.replace(/\/warehouse\/?$/, "");
  const dag = `${base}/dags/${encodeURIComponent(dagId)}`;
  return runId ? `${dag}/runs/${encodeURIComponent(runId)}` : dag;
}

/** Open the link of a click event as a page of Airflow, in the window around the frame. */
export function openInAirflow(event) {
  const airflow = parentWindow();
  if (!airflow || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  airflow.history.pushState(null, "", event.currentTarget.getAttribute("href"));
  airflow.dispatchEvent(new airflow.PopStateEvent("popstate", { state: null }));
}
