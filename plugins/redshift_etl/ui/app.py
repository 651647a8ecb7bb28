"""The page's web application: static files and JSON, read-only, every route behind Airflow's login."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware.gzip import GZipMiddleware

from redshift_etl.catalog import pages
from redshift_etl.catalog.repository import Repository
from redshift_etl.ui.background_value import Reading
from redshift_etl.ui.rights import Rights, readable_dags
from redshift_etl.ui.state import State, health
from redshift_etl.ui.workers import BusyError

log = logging.getLogger(__name__)

T = TypeVar("T")

STATIC = Path(__file__).parent / "static"
GZIP_FROM_BYTES = 1024
GZIP_LEVEL = 1  # the fastest: the page is used over a local network more often than over a slow one

# 'self' alone: no inline script or style, nothing from elsewhere, and only Airflow itself may frame the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
REVALIDATED = "private, no-cache"
RETRY = {"Retry-After": "1"}
CACHED = "private, max-age=31536000, immutable"

router = APIRouter()


def create(state: State | None = None) -> FastAPI:
    """The application. No OpenAPI pages: FastAPI serves those without a login."""
    app = FastAPI(
        title="Warehouse",
        dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.warehouse = state or State()
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL)
    app.middleware("http")(_with_headers)
    app.add_exception_handler(BusyError, _busy)
    app.include_router(router)
    return app


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", REVALIDATED)
    return response


async def _busy(request: Request, _: Exception) -> Response:  # noqa: ARG001 — FastAPI's signature
    return JSONResponse({"detail": "The page has too much to read at once; ask again."}, 503, RETRY)


def _state(request: Request) -> State:
    return cast("State", request.app.state.warehouse)


PageState = Annotated[State, Depends(_state)]


def _rights(state: PageState, user: GetUserDep) -> Rights:
    """What the user may see. Nothing is shown until it is known which DAG writes which table."""
    try:
        readable = readable_dags(user)
    except SQLAlchemyError as error:
        log.warning("The DAGs that the user may read could not be read: %s", type(error).__name__)
        raise HTTPException(503, "Airflow's database does not respond.", RETRY) from error
    return Rights(readable, _value(state.writers(), "The DAGs' tables are being read."))


UserRights = Annotated[Rights, Depends(_rights)]


def _files(state: PageState, rights: UserRights) -> Repository:
    return rights.files(_value(state.files(), "The contracts are being read."))


def _value(reading: Reading[T], being_read: str) -> T:
    if reading.value is None:
        raise HTTPException(503, reading.error or being_read, RETRY)
    return reading.value


def _table(table: str, repository: Annotated[Repository, Depends(_files)]) -> str:
    if table not in repository.tables:
        raise HTTPException(404, f"There is no contract of a table {table}.")
    return table


Files = Annotated[Repository, Depends(_files)]
Table = Annotated[str, Depends(_table)]


@router.get("/")
def index() -> Response:
    """The page itself; the addresses of its files contain their version, so that browsers can cache them for ever."""
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(text.replace('"static/', f'"static/{_version()}/'))


@router.get("/static/{version}/{name}")
def static(version: str, name: str) -> Response:
    """A style sheet or a module by its file name; any other path is not found."""
    file = {path.name: path for path in STATIC.iterdir()}.get(name)
    if file is None:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(file, headers={"Cache-Control": CACHED if version == _version() else REVALIDATED})


def _version() -> str:
    """A version of the static files that changes when any of them does."""
    return f"{max(path.stat().st_mtime_ns for path in STATIC.iterdir()):x}"


@router.get("/api/overview")
def overview(state: PageState, files: Files, rights: UserRights) -> JSONResponse:
    """Every table, the incidents, and which of the DAGs that look after the tables are paused.

    ``parts`` has the health of what is not read from the warehouse.
    """
    reading, paused, now = state.snapshot(), state.paused(), datetime.now(UTC)
    parts: dict[str, Reading[Any]] = {"contracts": state.files(), "paused": paused}
    in_lake = None
    if reading.error:
        parts["lake"] = in_lake = state.incidents()
    incidents = rights.incidents(in_lake.value or ()) if in_lake else ()
    page = pages.overview(files, rights.snapshot(reading.value), now, incidents)
    healths = {name: health(part, now) for name, part in parts.items()}
    seen = [it for it in paused.value or () if it["dag"] in rights.dags]
    return _json(page | {"paused": seen, "parts": healths}, reading, now)


@router.get("/api/tables/{table}")
def table_page(table: Table, state: PageState, files: Files, rights: UserRights) -> JSONResponse:
    """One table; its incidents are also those of the lake while the warehouse cannot be read."""
    reading, now = state.snapshot(), datetime.now(UTC)
    in_lake = rights.incidents(state.incidents().value or ()) if reading.error else ()
    return _json(pages.table_page(files, rights.snapshot(reading.value), table, now, in_lake), reading, now)


@router.get("/api/tables/{table}/history")
def history(table: Table, state: PageState, files: Files) -> JSONResponse:
    """One table's history."""
    reading = state.history(files, table)
    return _json(pages.history_page(reading.value) if reading.value else {}, reading, datetime.now(UTC))


@router.get("/api/lineage")
def lineage(state: PageState, files: Files, rights: UserRights) -> JSONResponse:
    """The whole graph."""
    reading, now = state.snapshot(), datetime.now(UTC)
    return _json(pages.lineage_graph(files, rights.snapshot(reading.value), now), reading, now)


@router.get("/api/lineage/{name}")
def columns(name: str, files: Files) -> JSONResponse:
    """The columns of a table or source, their origins, and the columns that they go into."""
    if name not in files.graph.names:
        raise HTTPException(404, f"There is no table or source {name}.")
    return JSONResponse(pages.column_links(files, name))


@router.get("/api/incidents/{incident_id}")
def report(incident_id: str, state: PageState, rights: UserRights) -> JSONResponse:
    """One incident's report, which is in the lake: only of an incident that the warehouse or the lake lists."""
    snapshot, in_lake = state.snapshot().value, state.incidents().value
    if snapshot is None and in_lake is None:
        raise HTTPException(503, "The incidents are being read.", RETRY)
    known = rights.incidents([*(snapshot.incidents if snapshot else ()), *(in_lake or ())])
    if incident_id not in {it.incident_id for it in known}:
        raise HTTPException(404, "There is no such incident, open or of the last 30 days.")
    reading = state.report(incident_id)
    return JSONResponse({"lake": health(reading, datetime.now(UTC)), "report": reading.value})


def _json(page: dict[str, Any], reading: Reading[Any], now: datetime) -> JSONResponse:
    return JSONResponse({"warehouse": health(reading, now), **page})
