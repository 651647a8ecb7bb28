"""One try of a run, in a process of its own: extract, transform and load by the product's functions, as its operators.

What a step returns is kept in a file, as XCom keeps it, so that the next try begins with the step that failed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG
from airflow.sdk.execution_time import supervisor
from sqlglot.dialects import duckdb

from redshift_etl.backfill import actions, history, shadow_table
from redshift_etl.backfill import request as backfill
from redshift_etl.backfill.request import Request
from redshift_etl.checks import run as checks
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import key_spec
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.mart import load_mart
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.extract import bounds, http, postgres, s3_files
from redshift_etl.extract.retry import Retry
from redshift_etl.lake.batch import STAGED, Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.marts import build as marts
from redshift_etl.transform.run import transform_batch
from redshift_etl.warehouse import load, migrate, retry, tombstones
from redshift_etl.warehouse.connect import warehouse
from redshift_etl.warehouse.model import Run as LoadRun
from tests.faults import injection as faults
from tests.faults.plan import Fault, Run
from tests.faults.tables import MART, START, Kind

DONE, AGAIN, FROM_THE_START = 0, 1, 2
BACKFILL_TABLE = DAG("backfill_table", schedule=None, start_date=START)
"""How a try ends: done, to be tried again from the step that failed, or (its input is gone) from the first one."""
TABLE = "core.items"
GONE = ".gone"
# Imported where they are used, which would be in each process: 0.25 s of it.
PRELOADED = (RedshiftSQLHook, PostgresHook, HttpHook, supervisor, duckdb)


@dataclass
class Try:
    """A try of a run: who it is, its faults, and where its steps' results are."""

    kind: Kind
    run: Run
    number: int
    faults: tuple[Fault, ...]
    folder: Path
    admin: str
    lake: Lake

    @property
    def run_id(self) -> str:
        """Of the run, the same in each try."""
        return f"run-{self.run.number}"

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        """The result of a step, which is not done again."""
        path = self.folder / f"{self.run_id}.{name}.json"
        if path.exists():
            return json.loads(path.read_text())
        result = work()
        whole = path.with_suffix(f".{os.getpid()}")
        whole.write_text(json.dumps(result, default=str))
        whole.rename(path)
        return result


def perform(it: Try) -> int:
    """Do what the run does. Returns how it ended; what it raised is in the log."""
    retry.FIRST_PAUSE_SECONDS = 0.01
    lake = it.lake
    injected = faults.Injection(it.faults, it.folder / "faults", lambda copy: _delete_one(lake, copy))
    faults.break_lake(injected, lake)
    faults.break_source(injected, it.admin)
    faults.break_transform(injected)
    connect = injected.connect(warehouse("redshift_default"))
    work = _Work(it, lake, connect, injected)
    try:
        getattr(work, it.run.action)()
    except Exception as error:  # noqa: BLE001 — a try ends as a task does, whatever it was
        _log(it, error)
        return FROM_THE_START if isinstance(error, ConfigError | SourceError) else AGAIN
    return DONE


def _log(it: Try, error: Exception) -> None:
    with (it.folder / "errors.jsonl").open("a") as file:
        entry = {
            "run": it.run_id, "action": it.run.action, "try": it.number, "message": str(error)[:600],
            "class": type(error).__name__, "transient": isinstance(error, TransientError),
        }  # fmt: skip
        file.write(json.dumps(entry) + "\n")


def _delete_one(lake: Lake, copy: str) -> None:
    """Delete the first file of the manifest that a COPY names. A copy stays, for whoever loaded it before."""
    url = copy.split("FROM '")[1].split("'", maxsplit=1)[0]
    key = url.removeprefix(lake.location.url(lake.location.key(""))).lstrip("/")
    for entry in lake.read_manifest(key)[:1]:
        bucket, name = entry.object
        lake.client.copy_object(Bucket=bucket, Key=f"{name}{GONE}", CopySource={"Bucket": bucket, "Key": name})
        lake.client.delete_object(Bucket=bucket, Key=name)


@dataclass
class _Work:
    """The actions of the runs."""

    it: Try
    lake: Lake
    connect: Any
    injected: faults.Injection

    def load(self) -> None:
        """A run of the table's DAG."""
        contract = contracts.load(TABLE)
        staged = self._staged("", self.it.run.window)
        batch = Batch.from_dict(staged)
        run = self._as("load")
        audits = checks.of(self.connect, contract, run, batch.window, without_window=batch.without_window)
        self.it.step("load", lambda: load.load_batch(self.connect, batch, contract, run, audits).as_dict())

    def _as(self, task: str, dag: str = "items") -> LoadRun:
        return LoadRun(dag, self.it.run_id, task, self.it.number)

    def _staged(self, prefix: str, window: int) -> dict[str, Any]:
        name = f"{self.it.run_id}{prefix}-try{self.it.number}"
        raw = self.it.step(f"{prefix}extract", lambda: self._extract(window, name).as_dict())
        staged: dict[str, Any] = self.it.step(
            f"{prefix}transform", lambda: transform_batch(Batch.from_dict(raw), run=name, lake=self.lake).as_dict()
        )
        return staged

    def _extract(self, number: int, run: str) -> Batch:
        kind, contract = self.it.kind, contracts.load(TABLE)
        if kind.name == "full_refresh":
            return s3_files.extract(["items.csv"], table=TABLE, run=run, lake=self.lake)
        window = bounds.recorded(contract, kind.window(number))
        if kind.name == "api":
            return self._request(number, run)
        read = bounds.read(contract, window, bounds.LOOKBACK)
        return postgres.extract(
            "airline_db", kind.extract, table=TABLE, window=window, run=run, lake=self.lake, read=read
        )

    def _request(self, number: int, run: str) -> Batch:
        fault = self.injected.take("api_error")
        query = {"fail": ("500", "429", "cut")[fault.at]} if fault else {}
        if fault:
            self.injected.note(fault)
        return http.extract(
            "items_api",
            "/items",
            query=query,
            places={"A": {"place": "A"}},
            table=TABLE,
            window=self.it.kind.window(number),
            run=run,
            lake=self.lake,
            retry=Retry(attempts=2, first_wait=0.01, longest_wait=0.02),
        )

    def keys(self) -> None:
        """A run of the DAG hard_deletes."""
        spec = key_spec.read(TABLE)
        keys = self.it.step(
            "keys",
            lambda: postgres.extract(
                spec.connection,
                spec.query,
                table=TABLE,
                window=None,
                run=f"{self.it.run_id}-try{self.it.number}",
                lake=self.lake,
                zone=STAGED,
            ).as_dict(),
        )
        self.it.step(
            "mark",
            lambda: tombstones.mark(
                self.connect, Batch.from_dict(keys), spec.contract, self._as("mark", "hard_deletes")
            ).as_dict(),
        )

    def mart(self) -> None:
        """A run of the DAG of the marts: the days that are stale."""
        migrate.ensure(self.connect, MART)
        mart, run = load_mart(MART), self._as("build", "daily")
        days = marts.find_stale(self.connect, mart)
        if days:
            audit = checks.of(self.connect, mart.contract, run, rows=marts.BUILD)
            marts.build(self.connect, mart, days, run, [audit.stage], [audit.result])

    def backfill(self) -> None:
        """A staged backfill of the day: stage, compare, swap, for every second run undo, drop."""
        stage = self._request_of(backfill.STAGE, None)
        shadow_id = stage.backfill_id
        self.it.step("begin", partial(history.begin, self.connect, stage, f"stage-{self.it.run_id}", "ada"))
        shadow = shadow_table.create(self.connect, stage.contract, shadow_id)
        for window in range(self.it.run.window + 1):
            self._load_shadow(shadow, window)
        self._finish(stage)
        self._finish(self._request_of(backfill.SWAP, shadow_id))
        if self.it.run.number % 2:
            undone = self._finish(self._request_of(backfill.UNDO, shadow_id))
            for window in range(self.it.run.window + 1) if undone["load_again"] else ():
                self._load_again(window)
        self._finish(self._request_of(backfill.DROP, shadow_id))

    def _load_shadow(self, shadow: Contract, window: int) -> None:
        staged, run = Batch.from_dict(self._staged(f"shadow{window}", window)), self._as("load")
        audits = checks.of(self.connect, contracts.load(TABLE), run, staged.window, into=shadow)
        self.it.step(
            f"shadow{window}load", lambda: load.load_batch(self.connect, staged, shadow, run, audits).as_dict()
        )

    def _load_again(self, window: int) -> None:
        staged = Batch.from_dict(self._staged(f"again{window}", window))
        contract, run = contracts.load(TABLE), self._as("load")
        audits = checks.of(self.connect, contract, run, staged.window)
        self.it.step(
            f"again{window}load", lambda: load.load_batch(self.connect, staged, contract, run, audits).as_dict()
        )

    def _request_of(self, action: str, backfill_id: str | None) -> Request:
        day = str(START.date())
        form = {
            "table": TABLE, "start": day, "end": day, "reason": "amounts were computed wrongly", "action": action,
            "backfill_id": backfill_id, "days_a_run": 31, "dry_run": False,
        }  # fmt: skip
        return backfill.read(form, f"{action}-{self.it.run_id}", datetime.now(UTC), BACKFILL_TABLE)

    def _finish(self, request: Request) -> dict[str, Any]:
        run = LoadRun("backfill_table", f"{request.action}-{self.it.run_id}", "finish", self.it.number)
        done: dict[str, Any] = self.it.step(request.action, lambda: actions.finish(self.connect, request, run, "ada"))
        return done
