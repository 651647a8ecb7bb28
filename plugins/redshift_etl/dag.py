"""What every DAG of this repository has in common: schedule, retries, time-outs, the trigger form, Assets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetAlias, CronDataIntervalTimetable, Param

from redshift_etl import settings
from redshift_etl.contracts.front_matter import about, tables_in
from redshift_etl.run_conf import BACKFILL_ID, END, SHADOW, START, check_conf


def sql_folder() -> str:
    """Where the DAGs' SQL files are: their ``template_searchpath``."""
    return str(settings.sql_dir())


def daily() -> CronDataIntervalTimetable:
    """Each UTC day, after it has ended. Explicit: a bare cron string has a zero-length interval in Airflow 3."""
    return CronDataIntervalTimetable("0 0 * * *", timezone="UTC")


def weekly() -> CronDataIntervalTimetable:
    """Each week, after its Sunday has ended (UTC)."""
    return CronDataIntervalTimetable("0 0 * * 1", timezone="UTC")


def monitoring() -> CronDataIntervalTimetable:
    """For the DAGs that monitor the others: every quarter of an hour unless the settings have another schedule."""
    return CronDataIntervalTimetable(settings.freshness_schedule(), timezone="UTC")


def default_args(owner: str) -> dict[str, Any]:
    """A check of the run's conf, three retries with growing pauses, an hour at most for a try, a report of failures."""
    return {
        "owner": owner,
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=1),
        "on_failure_callback": report_failure,
        "on_retry_callback": report_retry,
        "pre_execute": check_conf,
    }


def report_failure(context: Any) -> None:
    """After a task's last try: the incident's report, and an alert. Never raises."""
    from redshift_etl.incidents.on_failure import on_failure

    on_failure(context)


def report_retry(context: Any) -> None:
    """After a try that is followed by another: its error is kept for the incident's report. Never raises."""
    from redshift_etl.incidents.on_failure import on_retry

    on_retry(context)


def days_form(what: str) -> dict[str, Param]:
    """The dates of the trigger form. Both, or neither: then the interval of its logical date, else the last."""
    return {
        START: _day("First day", f"{what}, from this day"),
        END: _day("Last day", "to this day, included (UTC)"),
    }


def date_form(what: str) -> dict[str, Param]:
    """The trigger form of a DAG that loads a table: the dates, and the shadow to load into instead of the table."""
    shadow = optional_text("Shadow", "Leave it empty: backfill_table fills it in", max_length=12, pattern=BACKFILL_ID)
    return {**days_form(what), SHADOW: shadow}


def _day(title: str, description: str) -> Param:
    # Neither the year 0013, which Airflow's field takes, nor one in which a window has no day before it or after it.
    pattern = r"^[12]\d{3}-\d{2}-\d{2}$"
    return Param(None, type=["null", "string"], format="date", pattern=pattern, title=title, description=description)


def table_choice(folder: str, title: str) -> Param:
    """A table that has a file in this folder of ``include/sql``, to be chosen in the trigger form."""
    return Param(type="string", enum=list(tables_in(folder)), title=title)


def optional_table(folder: str, title: str) -> Param:
    """The same, or none, which is the default."""
    choices = [None, *tables_in(folder)]
    return Param(None, type=["null", "string"], enum=choices, values_display={"null": "none"}, title=title)


def optional_text(title: str, description: str, *, max_length: int, pattern: str) -> Param:
    """A text, or none, which is the default. Airflow checks the pattern when it creates the run."""
    kind = ["null", "string"]
    return Param(None, type=kind, maxLength=max_length, pattern=pattern, title=title, description=description)


def documented(text: str | None, *tables: str) -> str:
    """A DAG's ``doc_md``: its own text, then what the contracts of the tables that it writes promise."""
    head = "| Table | A row is | Owner | Loaded | Fresh within | Kept |\n|---|---|---|---|---|---|"
    return "\n".join(((text or "").rstrip(), "", head, *(_promise(table, about(table)) for table in tables), ""))


def _promise(table: str, contract: dict[str, str]) -> str:
    loaded = contract.get("load", "no contract").replace("_", " ")
    newest = f", newest {contract['version']} wins" if "version" in contract else ""
    retention = contract.get("retention", "").replace("never", "for ever")
    cells = (f"`{table}`", contract.get("description", ""), contract.get("owner", ""), loaded + newest)
    return f"| {' | '.join((*cells, contract.get('fresh_within', ''), retention))} |"


def table_asset(table: str) -> Asset:
    """The Asset of a warehouse table, named after it, with the front matter of its contract."""
    uri = f"redshift-table://{table.replace('.', '/')}"
    return Asset(table, uri=uri, group="warehouse", extra=dict(about(table)))


def changed_tables() -> AssetAlias:
    """The outlet of a task that finds out as it runs which table it changes: ``operators.context.announce``.

    So it wakes the DAGs that wait for the table, and no other table's.
    https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/asset-scheduling.html#dynamic-data-events-emitting-and-asset-creation-through-assetalias
    """
    return AssetAlias("changed-tables", group="warehouse")


def source_asset(name: str) -> Asset:
    """The Asset of a source that others own."""
    return Asset(name, uri=f"source://{name.replace('.', '/')}", group="source")
