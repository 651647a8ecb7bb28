"""The list of checks, in their order, and the loop that carries them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

from redshift_etl.cluster_check import cleanup, connection, lake, loads, questions, rights
from redshift_etl.cluster_check.advice import CLUSTER_S3, CONNECTION, WORKER_S3, fix_of
from redshift_etl.cluster_check.model import TOTAL, Check, Cluster, Result, Status, unknown
from redshift_etl.errors import EtlError
from redshift_etl.redaction import redact

ROLE = "1-the-clusters-role-copy-and-unload"
WORKERS = "2-the-workers-role"
GRANTS = "4-the-database-user-and-its-grants"
CONNECT = "5-the-connection"
SETTINGS = "6-check-it"
_GRANT = f"Run {rights.GRANTS} in this database as a superuser."
_REPORT = "Read the error; this cluster answers unlike the documentation: please report it with these lines."
_SEEN_CHARS = 400

CHECKS = (
    Check("connection", connection.connection, CONNECT, "Correct the connection redshift_default.", CONNECTION),
    Check("TLS", connection.tls, CONNECT, "Correct the connection redshift_default.", CONNECTION),
    Check("time zone", connection.time_zone, GRANTS, _REPORT),
    Check("isolation level", connection.isolation_level, GRANTS, _REPORT),
    Check("temporary tables", rights.temporary_tables, GRANTS, _GRANT),
    Check("schemas", rights.schemas, GRANTS, _GRANT),
    Check("table sizes", rights.table_sizes, GRANTS, _GRANT),
    Check("other users' queries", rights.other_users_queries, GRANTS, _GRANT),
    Check("settings", lake.configured, SETTINGS, "Correct the section [redshift_etl]."),
    Check("lake", lake.readable_and_writable, WORKERS, "Correct the lake's bucket.", WORKER_S3, ("settings",)),
    Check("schema of its own", rights.own_schema, SETTINGS, _GRANT),
    *questions.checks(SETTINGS, ("schema of its own",)),
    Check("tables", loads.tables, GRANTS, _GRANT, (), ("schema of its own", "temporary tables", "schemas")),
    Check("COPY", loads.copy, ROLE, _REPORT, CLUSTER_S3, ("tables", "lake")),
    Check("full refresh", loads.full_refresh, GRANTS, _REPORT, CLUSTER_S3, ("COPY",)),
    Check("upsert", loads.upsert, GRANTS, _REPORT, CLUSTER_S3, ("COPY",)),
    Check("mart", loads.mart, GRANTS, _REPORT, (), ("upsert",)),
    Check("shadow swap", loads.shadow_swap, GRANTS, _REPORT, CLUSTER_S3, ("upsert",)),
    Check("UNLOAD", loads.unload, ROLE, _REPORT, CLUSTER_S3, ("upsert",)),
)
_BY_HAND = "Remove by hand what is named like it: the schema, tables in etl_shadow, rows in etl, files in the lake."
CLEANUP = (
    Check("removal of tables", cleanup.remove_tables, SETTINGS, _BY_HAND),
    Check("removal of rows", cleanup.remove_rows, SETTINGS, _BY_HAND),
    Check("removal of files", lake.remove_files, SETTINGS, _BY_HAND, needs=("settings",)),
)

Results = dict[str, Result]
Report = Callable[[Check, Result, float], None]


def run(cluster: Cluster, report: Report, checks: Sequence[Check] = CHECKS) -> Results:
    """Carry the checks out in order, then remove what they made, also after Ctrl-C; ``report`` gets each as it ends.

    A first check that fails, the connection, ends it. After five minutes the others are unknown.
    """
    results: Results = {}
    ends = monotonic() + TOTAL.total_seconds()
    try:
        for check in checks:
            _carry_out(cluster, check, results, report, ends)
            if check is checks[0] and results[check.name].status is Status.FAILED:
                return results
    finally:
        if results and results[checks[0].name].status is not Status.FAILED:
            for check in CLEANUP:
                _carry_out(cluster, check, results, report, None)
    return results


def _carry_out(cluster: Cluster, check: Check, results: Results, report: Report, ends: float | None) -> None:
    started = monotonic()
    lacking = list(_lacking(check, results))
    if lacking:
        result = unknown(f"needs {', '.join(lacking)}")
    elif ends is not None and started > ends:
        result = unknown(f"{TOTAL.seconds // 60} minutes are over")
    else:
        result = _result(cluster, check)
    results[check.name] = result
    report(check, result, monotonic() - started)


def _lacking(check: Check, results: Results) -> Iterator[str]:
    """What the check needs and was carried out without success."""
    for name in check.needs:
        if name in results and results[name].status not in (Status.OK, Status.WARNING):
            yield name


def _result(cluster: Cluster, check: Check) -> Result:
    try:
        value = check.function(cluster)
    except Exception as error:  # noqa: BLE001 — whatever ends a check is its result
        what = error.what if isinstance(error, EtlError) else f"{type(error).__name__}: {error}"
        code = error.where.get("code", "") if isinstance(error, EtlError) else ""
        return Result(Status.FAILED, _one_line(what), fix_of(check, f"{what} {code}"))
    if isinstance(value, str):
        return Result(Status.OK, _one_line(value))
    fix = value.fix or (check.fix if value.status is Status.FAILED else "")
    return Result(value.status, _one_line(value.seen), fix)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", redact(text)).strip()[:_SEEN_CHARS]
