"""The data behind the page's requests: the files, the warehouse and the lake, each read in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from redshift_etl import __version__, settings
from redshift_etl.catalog import incident_reports, warehouse_reader
from redshift_etl.catalog.model import History, Snapshot
from redshift_etl.catalog.pages import Json
from redshift_etl.catalog.repository import Reader, Repository
from redshift_etl.contracts.mart import Mart
from redshift_etl.incidents.model import Incident
from redshift_etl.lake.storage import Lake
from redshift_etl.ui import rights
from redshift_etl.ui.background_value import BackgroundCache, BackgroundValue, Reading
from redshift_etl.ui.workers import Workers
from redshift_etl.warehouse.session import Connect

T = TypeVar("T")

FILES_MAX_AGE = timedelta(seconds=5)
CACHE_SIZE = 64
WITHOUT = {
    "freshness": "nobody is told that a table is late, and no incident is resolved",
    "reconcile": "nobody is told that rows of a source are missing",
    "retention": "nothing past its retention is deleted, and no table gets VACUUM or ANALYZE",
}
"""The DAGs that look after the tables, and what it costs that one is paused."""
FILES_SECONDS = 10.0
THREADS, WAITING = 4, 32  # for histories and reports, each of which a viewer may ask for
WAIT_SECONDS = 0.2  # short enough to be perceived as immediate


def airflow_connection() -> object:
    """A new connection by Airflow's ``redshift_default``, not in autocommit."""
    from redshift_etl.warehouse.connect import warehouse_at_once

    return warehouse_at_once(settings.REDSHIFT)()


def paused_monitors() -> list[Json]:
    """Which of the DAGs that look after the tables are paused in Airflow, whose database the API server has."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(DagModel.dag_id).where(DagModel.is_paused.is_(True), DagModel.is_stale.is_(False))
        found = session.scalars(query.where(DagModel.dag_id.in_(WITHOUT)).order_by(DagModel.dag_id))
        return [{"dag": dag_id, "cost": WITHOUT[dag_id]} for dag_id in found]


class State:
    """The state of the page in one API server process."""

    def __init__(self, connect: Connect = airflow_connection, lake: Callable[[], Lake] = Lake.connect) -> None:
        max_age = settings.page_interval()
        sizes = warehouse_reader.SizeCache(settings.sizes_interval())
        self._connect = connect
        self._lake = OneLake(lake)
        self._files: BackgroundValue[Repository] = BackgroundValue("the contracts", Reader().read, FILES_MAX_AGE)
        self._snapshot: BackgroundValue[Snapshot] = BackgroundValue(
            "the warehouse",
            lambda: warehouse_reader.read_snapshot(connect, datetime.now(UTC), sizes, self._marts()),
            max_age,
        )
        self._incidents: BackgroundValue[tuple[Incident, ...]] = BackgroundValue(
            "the incidents in the lake", lambda: self._lake.read(incident_reports.open_incidents), max_age
        )
        self._paused: BackgroundValue[list[Json]] = BackgroundValue("the paused DAGs", paused_monitors, max_age)
        self._writers: BackgroundValue[rights.Writers] = BackgroundValue("the DAGs' tables", rights.writers, max_age)
        workers = Workers(THREADS, WAITING)
        self._histories: BackgroundCache[History] = BackgroundCache(max_age, CACHE_SIZE, workers)
        self._reports: BackgroundCache[str | None] = BackgroundCache(max_age, CACHE_SIZE, workers)

    def files(self) -> Reading[Repository]:
        """The contracts and their lineage."""
        return self._files.get(WAIT_SECONDS)

    def _marts(self) -> list[Mart]:
        repository = self._files.get(FILES_SECONDS).value
        return [mart for table in repository.tables if (mart := mart_of(repository, table))] if repository else []

    def snapshot(self) -> Reading[Snapshot]:
        """The warehouse, at most ``settings.page_interval`` old while it can be read."""
        return self._snapshot.get(WAIT_SECONDS)

    def history(self, repository: Repository, table: str) -> Reading[History]:
        """The history of one table."""
        mart = mart_of(repository, table)
        return self._histories.get(
            table, lambda: warehouse_reader.read_history(self._connect, table, mart, datetime.now(UTC)), WAIT_SECONDS
        )

    def incidents(self) -> Reading[tuple[Incident, ...]]:
        """The incidents that are open in the lake, which is available when the warehouse is not."""
        return self._incidents.get(WAIT_SECONDS)

    def paused(self) -> Reading[list[Json]]:
        """The monitors that are paused, and what that costs."""
        return self._paused.get(WAIT_SECONDS)

    def writers(self) -> Reading[rights.Writers]:
        """Which DAGs write which table."""
        return self._writers.get(WAIT_SECONDS)

    def report(self, incident_id: str) -> Reading[str | None]:
        """The report of an incident that is known; its value is None when there is no such report."""
        return self._reports.get(
            incident_id,
            lambda: self._lake.read(lambda lake: incident_reports.read(lake, incident_id)),
            WAIT_SECONDS,
        )


class OneLake:
    """One connection to the lake for all reads, made anew after one that has failed: its credentials may have ended."""

    def __init__(self, connect: Callable[[], Lake]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._lake: Lake | None = None

    def read(self, work: Callable[[Lake], T]) -> T:
        """The result of the work. Raises its errors, and those of the connection."""
        with self._lock:
            lake = self._lake = self._lake or self._connect()
        try:
            return work(lake)
        except Exception:
            with self._lock:
                self._lake = None
            raise


def mart_of(repository: Repository, table: str) -> Mart | None:
    """The table as a mart, if it is one."""
    fill = repository.fills.get(table)
    return Mart(repository.contracts[table], fill.declared, fill.select) if fill and fill.is_mart else None


def health(reading: Reading[Any], now: datetime) -> Json:
    """Whether a source can be read, else the error and since when; the age of its data; the product's version.

    ``old`` when the age is to be shown, ``refreshing`` while it is read again.
    """
    return {
        "now": now.isoformat(),
        "read_at": reading.read_at.isoformat() if reading.read_at else None,
        "reachable": reading.error is None,
        "reading": reading.read_at is None and reading.error is None,
        "refreshing": reading.refreshing,
        "old": reading.old,
        "error": reading.error,
        "failing_since": reading.failing_since.isoformat() if reading.failing_since else None,
        "version": __version__,
    }
