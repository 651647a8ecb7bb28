"""What the page's requests are answered from: the files and the warehouse, each read in the background."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from redshift_etl import settings
from redshift_etl.catalog import incident_reports, warehouse_reader
from redshift_etl.catalog.model import History, Incident, Snapshot
from redshift_etl.catalog.pages import Json
from redshift_etl.catalog.repository import Reader, Repository
from redshift_etl.contracts.mart import Mart
from redshift_etl.lake.storage import Lake
from redshift_etl.ui.background_value import Refreshing, View
from redshift_etl.warehouse.session import Connect

T = TypeVar("T")

FILES_EVERY = timedelta(seconds=5)
WAREHOUSE_EVERY = timedelta(seconds=15)
KEPT = 64
WAIT_SECONDS = 0.2  # within what a person takes for "at once"


def airflow_connection() -> object:
    """A new connection by Airflow's ``redshift_default``, not in autocommit."""
    from redshift_etl.warehouse.connect import warehouse_at_once

    return warehouse_at_once(settings.REDSHIFT)()


class Kept(Generic[T]):
    """Values read in the background by name, those looked at last kept."""

    def __init__(self, every: timedelta, kept: int) -> None:
        self._every = every
        self._kept = kept
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Refreshing[T]] = OrderedDict()

    def look(self, name: str, read: Callable[[], T]) -> View[T]:
        """The value called ``name``, read with ``read`` when it is due."""
        with self._lock:
            known = self._known.setdefault(name, Refreshing(name, read, self._every))
            self._known.move_to_end(name)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
        return known.look(WAIT_SECONDS)


class Model:
    """The state behind the page of one API server process."""

    def __init__(self, connect: Connect = airflow_connection, lake: Callable[[], Lake] = Lake.connect) -> None:
        reader = Reader()
        self._connect = connect
        self._lake = lake
        self._files: Refreshing[Repository] = Refreshing("the contracts", reader.read, FILES_EVERY)
        self._snapshot: Refreshing[Snapshot] = Refreshing(
            "the warehouse", lambda: warehouse_reader.read_snapshot(connect, datetime.now(UTC)), WAREHOUSE_EVERY
        )
        self._incidents: Refreshing[tuple[Incident, ...]] = Refreshing(
            "the incidents in the lake", lambda: incident_reports.open_incidents(lake()), WAREHOUSE_EVERY
        )
        self._histories: Kept[History] = Kept(WAREHOUSE_EVERY, KEPT)
        self._reports: Kept[str | None] = Kept(WAREHOUSE_EVERY, KEPT)

    def files(self) -> View[Repository]:
        """The contracts and their lineage."""
        return self._files.look(WAIT_SECONDS)

    def snapshot(self) -> View[Snapshot]:
        """The warehouse, as it was within the last seconds."""
        return self._snapshot.look(WAIT_SECONDS)

    def history(self, repository: Repository, table: str) -> View[History]:
        """The past of one table."""
        mart = mart_of(repository, table)
        return self._histories.look(
            table, lambda: warehouse_reader.read_history(self._connect, table, mart, datetime.now(UTC))
        )

    def incidents(self) -> tuple[Incident, ...]:
        """The incidents that the lake knows to be open: also those of a warehouse that cannot be reached."""
        return self._incidents.look(WAIT_SECONDS).value or ()

    def report(self, incident_id: str) -> View[str | None]:
        """The post-mortem of an incident; its value is None when there is no such report."""
        return self._reports.look(incident_id, lambda: incident_reports.read(self._lake(), incident_id))


def mart_of(repository: Repository, table: str) -> Mart | None:
    """The table as a mart, if it is one."""
    fill = repository.fills.get(table)
    return Mart(repository.contracts[table], fill.declared, fill.select) if fill and fill.is_mart else None


def health(view: View[Any], now: datetime) -> Json:
    """How far what is shown can be trusted: reachable or not, since when, and how old it is."""
    return {
        "now": now.isoformat(),
        "read_at": view.read_at.isoformat() if view.read_at else None,
        "reachable": view.error is None,
        "reading": view.read_at is None and view.error is None,
        "error": view.error,
        "failing_since": view.failing_since.isoformat() if view.failing_since else None,
    }
