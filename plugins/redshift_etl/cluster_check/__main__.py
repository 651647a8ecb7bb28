"""``python -m redshift_etl.cluster_check``: check the cluster of the connection ``redshift_default``.

Exit code 0, also with warnings; 1 when a check failed; 2 when there is no connection; 130 after Ctrl-C.
"""

from __future__ import annotations

import logging
import secrets
import signal
import sys
from time import monotonic

from redshift_etl import settings
from redshift_etl.cluster_check.connection import configured
from redshift_etl.cluster_check.model import Check, Cluster, Result, Status
from redshift_etl.cluster_check.run import CHECKS, CLEANUP, Results, run
from redshift_etl.connections import no_connection

DOCUMENT = "docs/connect-a-cluster.md"
_INTERRUPTED = 130


def main() -> int:
    """Print a line a check, then each failure and warning with its fix."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    logging.getLogger("redshift_etl").setLevel(logging.ERROR)  # a failed attempt is in the check's own line
    started, name = monotonic(), f"etl_check_{secrets.token_hex(4)}"
    try:
        cluster = Cluster(configured(), name)
    except AirflowNotFoundException:
        print(no_connection(settings.REDSHIFT), file=sys.stderr)
        return 2
    print(
        f"Creates the schema {name} with tables, files below staged/{name}/ and archive/{name}/ in the lake, and\n"
        "rows of those tables in the bookkeeping (schema etl). Removes them at the end, also after Ctrl-C. The\n"
        "bookkeeping's tables and the schemas etl and etl_shadow stay where they are new: the first loads need them.\n",
        flush=True,
    )
    try:
        results = run(cluster, print_line)
    except KeyboardInterrupt:
        print("Interrupted; the lines above tell what was removed.", flush=True)
        return _INTERRUPTED
    return print_summary(results, monotonic() - started)


def print_line(check: Check, result: Result, seconds: float) -> None:
    """One line a check, as it ends."""
    print(f"{result.status:8} {check.name:24} {seconds:5.1f} s  {result.seen}", flush=True)


def print_summary(results: Results, seconds: float) -> int:
    """The failures and warnings with their fix. Returns the exit code."""
    for status in (Status.WARNING, Status.FAILED):
        for check in (*CHECKS, *CLEANUP):
            result = results.get(check.name)
            if result and result.status is status:
                print(f"\n{status}: {check.name}: {result.seen}\n  Fix: {result.fix}\n  {DOCUMENT}#{check.section}")
    counts = {status: sum(result.status is status for result in results.values()) for status in Status}
    print(f"\n{', '.join(f'{count} {status}' for status, count in counts.items())}, in {seconds:.0f} s.", flush=True)
    return 1 if counts[Status.FAILED] else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what the checks made is removed then too
    sys.exit(main())
