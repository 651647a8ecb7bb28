"""Runs the corpus on a Redshift and reports what differs.

Values are compared as text, numbers as numbers. Against a real cluster:

REDSHIFT_PASSWORD=… python -m local_redshift.corpus.runner --host cluster.example --user me --database dev
"""

from __future__ import annotations

import argparse
import bz2
import datetime as dt
import getpass
import gzip
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from local_redshift.corpus.cases import Case, Group, Heading, read


@dataclass(frozen=True)
class Difference:
    """A case with another result."""

    topic: str
    sql: str
    expected: str
    result: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.sql}\n    expected {self.expected}\n    got      {self.result}"


@dataclass(frozen=True)
class Lake:
    """Where the files of COPY cases are put: a boto3 client, a bucket, a prefix of its own, and the role for COPY."""

    client: Any
    bucket: str
    role: str
    prefix: str


def run(
    heading: Heading, connect: Callable[[], Any], lake: Lake | None = None, *, cluster: bool = False
) -> list[Difference]:
    """Run a heading on a connection and in a schema of its own, which is dropped at the end; return what differs."""
    connection = connect()
    connection.autocommit = True
    schema = f"corpus_{heading.name.split('_')[0]}_{secrets.token_hex(3)}"
    try:
        cursor = connection.cursor()
        _execute(cursor, (f"CREATE SCHEMA {schema}", f"SET search_path TO {schema}, public"))
        differences = [
            difference
            for group in heading.groups
            for difference in _run_group(group, cursor, schema, lake, cluster=cluster)
        ]
        _execute(cursor, (f"DROP SCHEMA {schema} CASCADE",))
    finally:
        connection.close()
    return differences


def _run_group(group: Group, cursor: Any, schema: str, lake: Lake | None, *, cluster: bool) -> Iterator[Difference]:
    if group.files and lake is None:
        return
    values = {"{schema}": schema}
    if lake:
        values |= {"{s3}": f"s3://{lake.bucket}/{lake.prefix}", "{role}": lake.role}
        _upload(group.files, lake)
    try:
        _execute(cursor, [_substituted(sql, values) for sql in group.setup])
    except _driver_error(cursor) as error:
        yield Difference(group.topic, "; ".join(group.setup), "the setup to run", str(error))
        return
    for case in group.cases:
        if cluster and case.kind == "refused":
            continue
        result = _outcome(case, [_substituted(sql, values) for sql in case.sql], cursor)
        if result is not None:
            yield Difference(group.topic, "; ".join(case.sql), f"{case.kind} {case.expected}", result)


def _substituted(sql: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        sql = sql.replace(name, value)
    return sql


def _outcome(case: Case, statements: Sequence[str], cursor: Any) -> str | None:
    """None when the case has the expected result, else its result."""
    try:
        rows = _execute(cursor, statements)
    except _driver_error(cursor) as error:
        code, message = _code_and_message(error)
        _rollback(cursor)
        if case.kind == "error" and case.expected in (code, "any"):
            return None
        if case.kind == "refused" and case.expected.lower() in message.lower():
            return None
        return f"error {code}: {message}"
    if case.kind in ("error", "refused"):
        return f"rows {rows}"
    if case.kind == "ok":
        return None
    expected = (
        [[case.expected]] if case.kind == "is" else [row if isinstance(row, list) else [row] for row in case.expected]
    )
    if _rows_equal(rows or [], expected, ordered=case.ordered):
        return None
    return f"rows {[[text(cell) for cell in row] for row in rows or []]}"


def _execute(cursor: Any, statements: Sequence[str]) -> list[tuple[Any, ...]] | None:
    rows = None
    for sql in statements:
        cursor.execute(sql)
        rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else None
    return rows


def _rollback(cursor: Any) -> None:
    """End the transaction block that a case may have opened."""
    try:
        cursor.execute("ROLLBACK")
    except _driver_error(cursor) as error:
        raise RuntimeError(f"no statement runs after a failed case: {error}") from error


def _driver_error(cursor: Any) -> type[Exception]:
    """The Error of the cursor's driver, which PEP 249 puts into the driver's top module."""
    error: type[Exception] = sys.modules[type(cursor).__module__.partition(".")[0]].Error
    return error


def _code_and_message(error: Exception) -> tuple[str, str]:
    if hasattr(error, "pgcode"):  # psycopg2
        return error.pgcode or "", str(error)
    # redshift_connector has the fields of the ErrorResponse.
    detail = error.args[0] if error.args else {}
    if not isinstance(detail, dict):
        return "", str(error)
    return detail.get("C", ""), " ".join(detail[field] for field in ("M", "H") if field in detail)


def _rows_equal(rows: Sequence[Sequence[Any]], expected: Sequence[Sequence[Any]], *, ordered: bool) -> bool:
    if not ordered:
        rows, expected = sorted(rows, key=_key), sorted(expected, key=_key)
    return len(rows) == len(expected) and all(
        len(row) == len(want) and all(_equal(cell, value) for cell, value in zip(row, want, strict=True))
        for row, want in zip(rows, expected, strict=True)
    )


def _key(row: Sequence[Any]) -> list[tuple[bool, str]]:
    return [(cell is None, text(cell) or "") for cell in row]


def _equal(result: Any, want: str | None) -> bool:
    if result is None or want is None:
        return result is None and want is None
    if isinstance(result, int | float | Decimal) and not isinstance(result, bool):
        try:
            return (
                abs(Decimal(str(result)) - Decimal(want)) <= abs(Decimal(want)) * Decimal("1e-9")
                if isinstance(result, float)
                else Decimal(result) == Decimal(want)
            )
        except ArithmeticError:
            return False
    return text(result) == want.rstrip(" ")


def text(cell: Any) -> str | None:
    """A value as the corpus writes it."""
    if cell is None:
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ").replace("+00:00", "+00")
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat().replace("+00:00", "+00")
    return str(cell).rstrip(" ")


def _upload(files: Mapping[str, str], lake: Lake) -> None:
    for name, content in files.items():
        body = _substituted(content, {"{s3}": f"s3://{lake.bucket}/{lake.prefix}"}).encode()
        packed = gzip.compress(body) if name.endswith(".gz") else bz2.compress(body) if name.endswith(".bz2") else body
        lake.client.put_object(Bucket=lake.bucket, Key=f"{lake.prefix}/{name}", Body=packed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the corpus against a cluster, print every difference; 0 when there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m local_redshift.corpus.runner",
        description="Run the corpus against a Redshift cluster, in a schema of its own.",
    )
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=5439)
    parser.add_argument("--user", default="awsuser")
    parser.add_argument("--database", default="dev")
    parser.add_argument("--no-ssl", action="store_true", help="for the local Redshift")
    parser.add_argument("--bucket", help="for the COPY and UNLOAD cases, which are left out without it")
    parser.add_argument("--iam-role", help="the role for COPY and UNLOAD")
    parser.add_argument("--only", default="", help="headings whose file name contains this")
    options = parser.parse_args(arguments)
    # Not at the top: tests bring connections of their own.
    import boto3
    import redshift_connector

    password = os.environ.get("REDSHIFT_PASSWORD") or getpass.getpass(f"Password of {options.user}: ")

    def connect() -> Any:
        return redshift_connector.connect(
            host=options.host,
            port=options.port,
            user=options.user,
            password=password,
            database=options.database,
            ssl=not options.no_ssl,
        )

    lake = (
        Lake(boto3.client("s3"), options.bucket, options.iam_role, f"corpus-{secrets.token_hex(4)}")
        if options.bucket and options.iam_role
        else None
    )
    count = 0
    for heading in read():
        if options.only in heading.name:
            differing = run(heading, connect, lake, cluster=not options.no_ssl)
            count += len(differing)
            sys.stdout.write(
                f"{heading.name}: {sum(len(group.cases) for group in heading.groups)} cases, {len(differing)} differ\n"
            )
            sys.stdout.writelines(f"  {difference}\n" for difference in differing)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
