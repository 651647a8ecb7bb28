"""Operators of the retention DAG: rows, files, Airflow's own database, unused tables, VACUUM and ANALYZE."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from redshift_etl.operators.context import run_of, slug
from redshift_etl.run_conf import started_by_hand
from redshift_etl.warehouse.connect import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from redshift_etl.lake.storage import Lake

log = logging.getLogger(__name__)

AUDIT_LOG = "log"
METADATA = "airflow_db"
"""The connection of Airflow's own database. Airflow 3 withholds it from tasks, so it must be configured on purpose."""


class ExpireRowsOperator(BaseOperator):
    """Archives and deletes the rows of every table past its contract's retention.

    A table of which more than ``max_percent`` would go is refused, unless ``allow_large`` of the form names it. The
    others are done first. Returns rows deleted (or, in a dry run, to be deleted) by table.
    """

    ui_color = "#f5dcd3"

    def __init__(self, *, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> dict[str, int]:
        """Every table that has a contract, by name."""
        from redshift_etl import settings
        from redshift_etl.contracts import contract as contracts
        from redshift_etl.errors import ConfigError, FormError
        from redshift_etl.lake.storage import Lake
        from redshift_etl.retention import rows

        params, dry_run = context["params"], only_counts(context)
        connect, lake = warehouse(self.redshift_conn_id), Lake.connect()
        if params["allow_large"] and params["allow_large"] not in contracts.all_tables():
            raise FormError(
                "There is no contract of the table that may lose more than the others.",
                fix="name one table of a contract, schema.table",
                field="allow_large",
                value=params["allow_large"],
            )
        prefix = archive_prefix(lake, context["ti"])
        archive = rows.Archive(prefix, settings.iam_role(), lambda url: archived_rows(lake, url))
        deleted, refused = {}, []
        for table in contracts.all_tables():
            found = rows.plan(connect, contracts.load(table), datetime.now(UTC))
            if found is None or not found.past:
                continue
            self.log.info("%s: %d of %d rows before %s", table, found.past, found.total, found.cutoff)
            if found.share * 100 > params["max_percent"] and params["allow_large"] != table:
                refused.append(f"{table} ({found.past} of {found.total} rows)")
            else:
                deleted[table] = found.past
                if not dry_run:
                    deleted[table] = rows.run(connect, found, archive, run_of(context))
        if refused:
            raise ConfigError(
                f"Retention would delete more than {params['max_percent']} % of {', '.join(refused)}.",
                fix="if that is right, trigger `retention` with the table in `allow_large` and `delete`: true; else "
                "correct its contract",
                table=refused[0].split(" ")[0],
            )
        return deleted


class ExpireFilesOperator(BaseOperator):
    """Deletes raw, staged and rejected files of the lake, and task logs on this machine, past their age."""

    ui_color = "#f5dcd3"

    def execute(self, context: Context) -> dict[str, Any]:
        """The ages are the form's ``…_days``. Returns files and bytes by zone, and log files."""
        from airflow.sdk.configuration import conf

        from redshift_etl.lake.storage import Lake
        from redshift_etl.retention import files
        from redshift_etl.retention.ages import age

        params, now, dry_run = context["params"], datetime.now(UTC), only_counts(context)
        before = {zone: now - age(params, zone) for zone in files.ZONES}
        found: dict[str, Any] = dict(files.expire(Lake.connect(), before, dry_run))
        folder = Path(conf.get("logging", "base_log_folder"))
        found["logs"] = files.expire_logs(folder, now - age(params, "airflow"), dry_run)
        return found


class CleanAirflowOperator(BaseOperator):
    """``airflow db clean``: the runs, task instances and XComs of Airflow's own database past their age.

    Never its audit log (the table ``log``): whoever may start this DAG could take away the traces of what he did.

    Skipped where the connection ``airflow_db`` is not configured.
    """

    ui_color = "#f5dcd3"

    def execute(self, context: Context) -> None:
        """Run the command with the database's address in its environment. Raises ConfigError with its last lines."""
        from airflow.sdk import BaseHook
        from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSkipException

        from redshift_etl.errors import ConfigError
        from redshift_etl.retention.ages import age

        try:
            address = database_url(BaseHook.get_connection(METADATA).get_uri())
        except AirflowNotFoundException as error:
            raise AirflowSkipException(
                f"The connection {METADATA} is not configured; run `airflow db clean` where the database is reached."
            ) from error
        before = datetime.now(UTC) - age(context["params"], "airflow")
        command = clean_command(before, only_counts(context))
        done = subprocess.run(
            command, env=clean_environment(address), capture_output=True, text=True, check=False, timeout=3000
        )
        tail = "\n".join((done.stdout + done.stderr).replace(address, "***").splitlines()[-20:])
        self.log.info("%s\n%s", " ".join(command[1:]), tail)
        if done.returncode:
            raise ConfigError(f"`airflow db clean` failed: {tail}", fix=f"check the connection {METADATA}")


class ReportUnusedTablesOperator(BaseOperator):
    """Records reads of tables; on Mondays (or by `report` of the form) reports those not read for 90 days."""

    ui_color = "#f5dcd3"

    def __init__(self, *, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> dict[str, int]:
        """Returns how many tables are monitored, and how many are unused."""
        from redshift_etl.lake.storage import Lake
        from redshift_etl.retention import table_stats
        from redshift_etl.retention.unused_tables import report

        now, connect = datetime.now(UTC), warehouse(self.redshift_conn_id)
        reads = table_stats.record_reads(connect, now)
        names = table_stats.unused(reads, now)
        if now.isoweekday() == 1 or context["params"]["report"]:
            text = report(names, reads, table_stats.read_tables(connect), now)
            entry = Lake.connect().put(f"unused/{now:%Y-%m-%d}.md", text.encode())
            self.log.info("The report is %s\n%s", entry.url, text)
        return {"monitored": len(reads), "unused": len(names)}


class MaintainTablesOperator(BaseOperator):
    """VACUUM and ANALYZE of the tables that need it, one at a time. Returns how many statements."""

    ui_color = "#f5dcd3"

    def __init__(self, *, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> int:
        """By the statistics, sort order and deleted rows of SVV_TABLE_INFO."""
        from redshift_etl.retention import table_stats

        connect = warehouse(self.redshift_conn_id)
        statements = table_stats.maintain(connect, table_stats.read_tables(connect), only_counts(context))
        self.log.info("%s", "\n".join(statements) or "No table needs it")
        return len(statements)


def only_counts(context: Mapping[str, Any]) -> bool:
    """Whether the run deletes nothing: as ``delete`` of the form says, else when a person started it."""
    delete = context["params"]["delete"]
    if delete is None and started_by_hand(context):
        log.info("Dry run: a person started it and the form is empty; `delete` in the form deletes")
        return True
    return delete is False


def archive_prefix(lake: Lake, instance: Any) -> str:
    """Where one try of a run writes: UNLOAD refuses a place that has files, and one that died may have left some."""
    return lake.location.url(lake.location.key("archive", f"{slug(instance.run_id)}-{instance.try_number}"))


def archived_rows(lake: Lake, url: str) -> int:
    """The rows that an UNLOAD's verbose manifest counts."""
    key = url.removeprefix(lake.location.url(lake.location.key(""))).lstrip("/")
    return int(json.loads(lake.read(key))["meta"]["record_count"])


def database_url(uri: str) -> str:
    """A connection's URI as SQLAlchemy wants it."""
    return uri.replace("postgres://", "postgresql+psycopg2://", 1)


def clean_command(before: datetime, dry_run: bool) -> list[str]:
    """No secret is in it: arguments are seen by every user of the machine."""
    from airflow.utils.db_cleanup import config_dict

    command = [sys.executable, "-m", "airflow", "db", "clean", "--clean-before-timestamp", before.isoformat()]
    tables = ",".join(sorted(set(config_dict) - {AUDIT_LOG}))
    return [*command, "--tables", tables, "--skip-archive", "--yes", *(["--dry-run"] if dry_run else [])]


def clean_environment(address: str) -> dict[str, str]:
    """The task's own, with the database that Airflow hides from tasks."""
    hidden = ("_AIRFLOW_PROCESS_CONTEXT", "AIRFLOW__CORE__SQL_ALCHEMY_CONN")
    visible = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**visible, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address}
