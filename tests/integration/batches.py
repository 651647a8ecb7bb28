"""Staged batches for the loader: rows on S3 as the transform would leave them, and the Load that names them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import zstandard

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse import load, locks, migrate, model, table_changes
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.model import CopySource
from redshift_etl.warehouse.statement import columns
from redshift_etl.window import Window

NULL = "\\N"
DAY = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC))
# For tests of concurrency, and for those whose code reads system views.
both_levels = pytest.mark.parametrize("target", ["SNAPSHOT", "SERIALIZABLE"], indirect=True)
both_modes = pytest.mark.parametrize("target", ["provisioned", "serverless"], indirect=True)
RUN = model.Run("test", "run", "load", 1)


@dataclass(frozen=True)
class LoadTarget:
    """A warehouse and a lake to load from: ``server`` knows S3 and the role, ``database`` how to connect."""

    server: Any
    database: Any
    s3: Any

    def connect(self) -> Any:
        """A new connection, as RedshiftSQLHook would open it."""
        return self.database.connect()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a reader sees."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    def run(self, sql: str) -> None:
        """Execute and commit one statement."""
        connection = self.connect()
        try:
            connection.cursor().execute(sql)
            connection.commit()
        finally:
            connection.close()

    def create(self, contract: Contract) -> None:
        """The contract's table, as a first run makes it."""
        table = (migrate.create_schema(contract.schema), *table_changes.create_table(contract))
        lock = (migrate.create_schema(locks.SCHEMA), locks.create(contract.table))
        for statement in (*table, *lock):
            self.run(statement.sql)

    def keep_books(self) -> None:
        """The tables of the schema etl, as a first run makes them."""
        for table in migrate.BOOKKEEPING:
            migrate.ensure(self.connect, table)

    def stage(self, rows: Sequence[Sequence[object]]) -> str:
        """Put rows and their manifest on S3; returns the manifest's URL."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [NULL if value is None else value for value in row] for row in rows
        )
        key = f"test/{uuid4().hex}"
        body = zstandard.compress(text.getvalue().encode())
        self.s3.put_object(Bucket=self.server.bucket, Key=f"{key}/part.csv.zst", Body=body)
        url = f"s3://{self.server.bucket}/{key}"
        manifest = {
            "entries": [{"url": f"{url}/part.csv.zst", "mandatory": True, "meta": {"content_length": len(body)}}]
        }
        self.s3.put_object(Bucket=self.server.bucket, Key=f"{key}/manifest.json", Body=json.dumps(manifest).encode())
        return f"{url}/manifest.json"

    def batch(self, contract: Contract, data: Sequence[Sequence[object]], **changes: Any) -> model.Load:
        """A Load of these rows for 1 January 2013."""
        plain = model.Load(
            contract=contract,
            source=CopySource(self.stage(data), self.server.iam_role, self.server.region) if data else None,
            window=DAY,
            extracted=len(data),
            rejected=0,
            rows=len(data),
            extracted_at=datetime(2013, 1, 2, tzinfo=UTC),
            run=RUN,
        )
        return replace(plain, **changes)

    def load(self, contract: Contract, data: Sequence[Sequence[object]], **changes: Any) -> LoadRecord:
        """Load these rows."""
        return load.execute(self.connect, self.batch(contract, data, **changes))

    def table(self, contract: Contract) -> list[tuple[Any, ...]]:
        """Every row of the contract's table, in order."""
        return sorted(self.rows(f"SELECT {columns(contract.column_names)} FROM {contract.table}"), key=repr)

    def history(self) -> int:
        """How many loads were committed."""
        return int(self.rows("SELECT COUNT(*) FROM etl.load_history")[0][0])


INCREMENTAL = contracts.parse("""/*
description: Things that change.
owner: us
load: incremental
version: version
deleted: deleted_at
day: day
retention: never
*/
CREATE TABLE core.things (
    id BIGINT NOT NULL, version TIMESTAMP NOT NULL, day DATE, name VARCHAR(5), deleted_at TIMESTAMP, PRIMARY KEY (id)
)
DISTKEY (id) SORTKEY (day);""")

REFRESHED = contracts.parse("""/*
description: A small table.
owner: us
load: full_refresh
retention: never
*/
CREATE TABLE core.small (id INTEGER NOT NULL, name VARCHAR(10), PRIMARY KEY (id))
DISTSTYLE ALL;""")
