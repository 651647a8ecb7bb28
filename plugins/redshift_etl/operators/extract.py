"""Extract operators: from a source to raw files in the lake, as the source gave them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from redshift_etl.operators.context import run_end, run_key
from redshift_etl.operators.lineage import LineageMixin

if TYPE_CHECKING:
    from airflow.sdk import Context

    from redshift_etl.lake.batch import Batch
    from redshift_etl.lake.storage import Lake
    from redshift_etl.lineage.openlineage import Lineage
    from redshift_etl.window import Window


class PostgresToLakeOperator(LineageMixin, BaseOperator):
    """Copies the result of a SELECT for the run's window from a production PostgreSQL, in one snapshot.

    :param table: the warehouse table that the rows are for.
    :param sql: a SELECT, or the path of one below ``include/sql``; ``%(start)s`` and ``%(end)s`` are the window.
    :param postgres_conn_id: the source.
    """

    template_fields = ("sql",)
    template_ext = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}
    ui_color = "#d5e4f3"

    def __init__(self, *, table: str, sql: str, postgres_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.sql = sql
        self.sql_file = sql if sql.endswith(".sql") else None
        self.postgres_conn_id = postgres_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Extract the window; returns the raw batch."""
        from redshift_etl import settings
        from redshift_etl.extract import bounds, postgres

        sql_file = (
            settings.shown(settings.sql_dir() / self.sql_file) if self.sql_file else f"`sql` of the task {self.task_id}"
        )

        def extract(lake: Lake, recorded: Window, read: Window) -> Batch:
            """From the database."""
            return postgres.extract(
                self.postgres_conn_id,
                self.sql,
                table=self.table,
                window=recorded,
                run=run_key(context),
                lake=lake,
                read=read,
                sql_file=sql_file,
            )

        return _extract_window(self.table, context, extract, bounds.LOOKBACK)

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """As any operator's. Raises ConfigError for a template that cannot be rendered."""
        from jinja2 import TemplateError, TemplateNotFound

        from redshift_etl.errors import ConfigError

        try:
            super().render_template_fields(context, jinja_env)
        except TemplateNotFound as error:
            raise ConfigError(
                "The extract's file is not there.",
                fix="write it below include/sql, or correct `sql` in the DAG",
                sql=error.name,
                table=self.table,
            ) from error
        except TemplateError as error:
            raise ConfigError(
                f"The extract has a template of Airflow's that cannot be rendered: {error}.",
                fix="write %(start)s and %(end)s for the bounds of the window, which every run has",
                sql=self.sql_file or self.sql,
                table=self.table,
            ) from error

    def lineage(self) -> Lineage:
        """What was read and written."""
        from redshift_etl.lineage import openlineage

        return openlineage.extracted(self.table, openlineage.postgres(self.table, self.postgres_conn_id))


class HttpToLakeOperator(LineageMixin, BaseOperator):
    """Requests the run's window from a JSON API, one call a place, and stores each response unchanged.

    A pause that the service asks for is made by rescheduling the task, which then goes on after the last response.

    :param table: the warehouse table of the responses.
    :param endpoint: the path below the connection's host.
    :param params: query parameters common to all calls.
    :param places: query parameters of each call, by the name that its rows carry.
    :param http_conn_id: the service.
    """

    template_fields = ("endpoint",)
    ui_color = "#d5e4f3"

    def __init__(
        self,
        *,
        table: str,
        endpoint: str,
        query: Mapping[str, str],
        places: Mapping[str, Mapping[str, str]],
        http_conn_id: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.endpoint = endpoint
        self.query = query
        self.places = places
        self.http_conn_id = http_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Extract the window; returns the raw batch."""
        from redshift_etl.extract import http

        def extract(lake: Lake, recorded: Window, read: Window) -> Batch:
            """From the service."""
            return http.extract(
                self.http_conn_id,
                self.endpoint,
                query=self.query,
                places=self.places,
                table=self.table,
                window=recorded,
                run=run_key(context),
                lake=lake,
                deadline=run_end(context),
                read=read,
            )

        return _extract_window(self.table, context, extract)

    def lineage(self) -> Lineage:
        """What was read and written."""
        from redshift_etl.lineage import openlineage

        return openlineage.extracted(self.table, openlineage.http(self.http_conn_id, self.endpoint))


class S3ToLakeOperator(LineageMixin, BaseOperator):
    """Pins files that others drop in the landing zone by key, etag and size; nothing is copied.

    :param table: the warehouse table that the files are for.
    :param files: names below the landing zone: keys, patterns with ``*``, or prefixes that end in ``/``; ``{day}`` and
        ``{hour}`` are those of the run's window (`extract.s3_files`).
    """

    ui_color = "#d5e4f3"

    def __init__(self, *, table: str, files: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.files = files

    def execute(self, context: Context) -> dict[str, Any]:
        """Pin the files; returns the raw batch."""
        from redshift_etl.extract import s3_files
        from redshift_etl.lake.storage import Lake

        # A table that is copied whole has no window, and its runs need none.
        if not (any(map(s3_files.periods, self.files)) or _replaces_a_window(self.table)):
            return s3_files.extract(self.files, table=self.table, run=run_key(context), lake=Lake.connect()).as_dict()

        def extract(lake: Lake, recorded: Window, read: Window) -> Batch:
            """From the landing zone."""
            return s3_files.extract(
                self.files, table=self.table, run=run_key(context), lake=lake, window=recorded, read=read
            )

        return _extract_window(self.table, context, extract)

    def lineage(self) -> Lineage:
        """What was read and written."""
        from redshift_etl.lineage import openlineage

        return openlineage.extracted(self.table, openlineage.landing(self.files))


def _replaces_a_window(table: str) -> bool:
    from redshift_etl.contracts import contract as contracts

    return contracts.load(table).load in ("append", "partition", "snapshot")


def _extract_window(
    table: str, context: Context, extract: Callable[[Lake, Window, Window], Batch], lookback: timedelta = timedelta(0)
) -> dict[str, Any]:
    """What ``extract`` returns for the lake, the window of the run by the contract, and what it is to read for it.

    A past window of a history of full copies is not extracted: its copy is in the lake. ``lookback`` is that of the
    kind of source.
    """
    from redshift_etl import window
    from redshift_etl.contracts import contract as contracts
    from redshift_etl.extract import bounds, earlier_copy
    from redshift_etl.lake.storage import Lake

    contract, lake = contracts.load(table), Lake.connect()
    recorded = bounds.recorded(contract, window.resolve(context))
    copy = earlier_copy.find(lake, contract, recorded, datetime.now(UTC))
    return (copy or extract(lake, recorded, bounds.read(contract, recorded, lookback))).as_dict()
