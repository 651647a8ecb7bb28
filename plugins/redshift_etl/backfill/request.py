"""The form of ``backfill_table``, checked before anything is done. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from redshift_etl.errors import FormError
from redshift_etl.run_conf import SHADOW
from redshift_etl.window import from_form

if TYPE_CHECKING:
    from redshift_etl.contracts.contract import Contract

BACKFILL, STAGE, SWAP, UNDO, DROP = "backfill", "stage", "swap", "undo", "drop"
ACTIONS = (BACKFILL, STAGE, SWAP, UNDO, DROP)
LOADS = (BACKFILL, STAGE)
MAX_RUNS = 20  # what starts them goes through XCom: under 4 KiB together
MIN_REASON, MAX_REASON = 10, 256  # characters; etl.backfill_history has room for them in bytes


@dataclass(frozen=True)
class Request:
    """A valid form. ``backfill_id`` is the run's own, or for swap, undo and drop the one named."""

    action: str
    contract: Contract
    dag_id: str
    first: date
    last: date
    reason: str
    backfill_id: str
    dry_run: bool
    days_a_run: int

    def triggers(self) -> list[dict[str, Any]]:
        """Arguments of TriggerDagRunOperator, a run for each piece of the days. A retry starts the same runs again."""
        found, start = [], self.first
        while start <= self.last and self.action in LOADS:
            end = min(start + timedelta(days=self.days_a_run - 1), self.last)
            conf = {"start": str(start), "end": str(end)}
            if self.action == STAGE:
                conf[SHADOW] = self.backfill_id
            run_id = run_id_of(self.backfill_id, start)
            found.append({"trigger_dag_id": self.dag_id, "trigger_run_id": run_id, "conf": conf})
            start = end + timedelta(days=1)
        return found


def run_id_of(backfill_id: str, first: date) -> str:
    """The id of the run that a backfill starts for the days from ``first``."""
    return f"backfill_{backfill_id}_{first:%Y%m%d}"


def own_id(run_id: str) -> str:
    """The id of the backfill that a run of the DAG is: the same in each of its tasks and tries."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:12]


def read(params: Mapping[str, Any], run_id: str, now: datetime, dag: Any) -> Request:
    """Check the form of a run of ``dag``. Raises FormError that names the field."""
    from redshift_etl.contracts import contract as contracts
    from redshift_etl.contracts import reconcile_spec

    action, table = str(params["action"]), str(params["table"])
    contract = contracts.load(table)
    plan = reconcile_spec.read(contract)
    if plan is None:
        raise FormError("No DAG is known to load the table.", fix="name it in include/sql/reconcile", table=table)
    if action not in ACTIONS:
        raise FormError("There is no such action.", fix=f"use one of {', '.join(ACTIONS)}", action=action)
    if len(str(params["reason"] or "").strip()) < MIN_REASON:
        raise FormError("A backfill has a reason.", fix=f"write at least {MIN_REASON} characters", field="reason")
    if action in LOADS:
        first, last = _days(params, now, dag)
        backfill_id = own_id(run_id)
    else:
        first = last = now.date()
        backfill_id = str(params["backfill_id"] or "")
        if len(backfill_id) != len(own_id("")) or not backfill_id.isalnum():
            raise FormError(
                f"The action {action} needs the id of a backfill.",
                fix="take its id of etl.backfill_history",
                backfill_id=backfill_id,
            )
    if action != BACKFILL and contract.load != "incremental":
        raise FormError(
            "Only an incremental table has a staged backfill.",
            fix="use the action backfill",
            table=table,
            action=action,
        )
    request = Request(
        action=action,
        contract=contract,
        dag_id=plan.dag_id,
        first=first,
        last=last,
        reason=str(params["reason"]).strip(),
        backfill_id=backfill_id,
        dry_run=bool(params["dry_run"]),
        days_a_run=int(params["days_a_run"]),
    )
    if len(request.triggers()) > MAX_RUNS:
        raise FormError(
            f"That is {len(request.triggers())} runs, and at most {MAX_RUNS} are started.",
            fix="raise days_a_run, or use `airflow dags backfill`",
        )
    return request


def _days(params: Mapping[str, Any], now: datetime, dag: Any) -> tuple[date, date]:
    window = from_form(params, dag)
    if window is None:
        raise FormError("A backfill has a first and a last day.", fix="fill in both", field="start, end")
    first, last = window.days[0], window.days[-1]
    if last >= now.date():
        raise FormError("The last day is not over (UTC).", fix="end yesterday at the latest", end=str(last))
    return first, last
