"""A COMMIT without a reply: the connection is lost, and its backend still commits while the retry is at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from redshift_etl.backfill import actions, history, shadow_table
from redshift_etl.backfill.request import Request
from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.model import Counts, Run
from tests.integration.batches import LoadTarget
from tests.integration.connections import Observed, commit_late
from tests.integration.writers import SWAP_RUN, WRITES, of_one_level, swap, things

__all__ = ["of_one_level", "things"]

WRITTEN: dict[str, tuple[Any, str, str, int]] = {
    "upsert": (Counts(inserted=3, updated=3), "etl.load_history", "load_id", 2),
    "refresh": (Counts(inserted=3, updated=3), "etl.load_history", "load_id", 3),
    "mart": ({"2013-01-02": 1}, "etl.mart_builds", "build_id", 1),
    "retention": (3, "etl.retention_history", "slice_start", 1),
    "swap": ({"committed_by_an_earlier_try": True}, "etl.backfill_history", "backfill_id", 2),
}
"""What a writer returns; where the writes are recorded, by what, and how many there are in the end."""


class Losing:
    """Opens connections; of the first that commits after a LOCK, the COMMIT is late."""

    def __init__(self, target: LoadTarget) -> None:
        self.target, self.lost = target, 0

    def __call__(self) -> Observed:
        connection = self.target.connect()

        def before() -> None:
            """Lose it, unless another one was lost."""
            self.lost += 1
            if self.lost == 1:
                commit_late(connection)

        return Observed(connection, [], before)


@pytest.mark.parametrize("kind", [pytest.param(it, marks=pytest.mark.slow if it != "upsert" else ()) for it in WRITES])
def test_a_write_that_its_lost_backend_commits_late_is_written_and_recorded_once(
    of_one_level: LoadTarget, kind: str
) -> None:
    prepare, table, states = WRITES[kind]
    losing = Losing(of_one_level)
    result = prepare(of_one_level)(losing)
    returned, recorded, name, times = WRITTEN[kind]
    assert losing.lost > 1
    assert (result.counts if isinstance(result, LoadRecord) else result) == returned
    assert of_one_level.rows(f"SELECT COUNT(*), COUNT(DISTINCT {name}) FROM {recorded}") == [(times, times)]
    assert of_one_level.rows(f"SELECT COUNT(*) FROM {table}")[0][0] in {rows for rows, _ in states}


def test_retention_archives_a_slice_once_whose_deletion_is_committed_late(of_one_level: LoadTarget) -> None:
    WRITES["retention"][0](of_one_level)(Losing(of_one_level))
    below = f"{of_one_level.database.database}/archive/"
    found = of_one_level.s3.list_objects_v2(Bucket=of_one_level.server.bucket, Prefix=below)["Contents"]
    assert len([entry for entry in found if entry["Key"].endswith("/manifest")]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("action", "status"), [("undo", "undone"), ("drop", "dropped")])
def test_an_undo_and_a_drop_that_are_committed_late_are_done_once(
    of_one_level: LoadTarget, things: Contract, action: str, status: str
) -> None:
    swap(of_one_level)(of_one_level.connect)
    request = Request(action, things, "things", date(2013, 1, 2), date(2013, 1, 2), "wrong", "staged", False, 31)
    actions.finish(Losing(of_one_level), request, replace(SWAP_RUN, run_id="manual 3"), "ada")
    assert of_one_level.rows(f"SELECT COUNT(*) FROM {history.TABLE} WHERE action = '{action}'") == [(1,)]
    assert of_one_level.rows(f"SELECT status FROM {history.TABLE} WHERE action = 'stage'") == [(status,)]
    undos = of_one_level.rows("SELECT COUNT(*) FROM etl.load_history WHERE load_kind = 'undo'")
    assert undos == [(int(action == "undo"),)]
    shadows = of_one_level.rows(f"SELECT COUNT(*) FROM svv_tables WHERE table_schema = '{shadow_table.SCHEMA}'")
    assert shadows == [(0 if action == "drop" else 2,)]


@pytest.mark.slow
@pytest.mark.parametrize("write", [
    lambda connect, request: history.begin(connect, request, "manual 9", "ada"),
    lambda connect, request: actions.finish(connect, request, Run("backfill_table", "manual 9", "finish", 1), "ada"),
    lambda connect, request: actions.mark_as_failed(connect, request.backfill_id),
], ids=["begin", "end", "fail"])  # fmt: skip
def test_the_history_of_a_backfill_has_it_once_whose_row_is_committed_late(
    of_one_level: LoadTarget, things: Contract, write: Callable[[Any, Request], object]
) -> None:
    request = Request("backfill", things, "things", date(2013, 1, 2), date(2013, 1, 2), "again", "abc", False, 31)
    losing = Losing(of_one_level)
    history.begin(of_one_level.connect, request, "manual 9", "ada")
    write(losing, request)
    assert losing.lost > 1
    assert of_one_level.rows(f"SELECT COUNT(*) FROM {history.TABLE}") == [(1,)]
