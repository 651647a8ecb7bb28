"""The statements that turn rows into tombstones whose key the source no longer has. Pure.

A tombstone is a state of its row like any other: of the same version, read when the keys were read. So it stands
against what was read before, and gives way to what is read later, by the total order of the upsert (``upsert_sql``).
Rows that were read later than the keys are not compared: those that were inserted in between are not among the keys.
"""

from __future__ import annotations

from datetime import UTC, datetime

from redshift_etl.contracts.model import EXTRACTED_AT, Contract
from redshift_etl.warehouse.compare import same_key
from redshift_etl.warehouse.model import CopySource
from redshift_etl.warehouse.statement import Statement, column_name, columns, ident, literal, moment
from redshift_etl.warehouse.touched_days import insert_touched_days

KEYS, GONE = "source_keys", "gone"


def create_keys(contract: Contract) -> Statement:
    """A temporary table of the key's columns, of the types that the target's have."""
    return Statement(
        "create the table of keys",
        f"CREATE TEMP TABLE {KEYS} AS SELECT {columns(contract.key)} FROM {ident(contract.table)} WHERE 1 = 0",
    )


def copy_keys(contract: Contract, source: CopySource) -> Statement:
    """COPY the files of an extract, each of which begins with a header; they are in the staged zone.

    IGNOREHEADER skips it in every file
    (https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html).
    """
    return Statement(
        "copy the keys of the source",
        f"COPY {KEYS} ({columns(contract.key)})\n"
        f"FROM {literal(source.manifest_url)}\n"
        f"IAM_ROLE {literal(source.iam_role)}\n"
        f"REGION {literal(source.region)}\n"
        "FORMAT AS CSV ZSTD MANIFEST IGNOREHEADER 1\n"
        "DATEFORMAT 'auto' TIMEFORMAT 'auto'\n"
        "COMPUPDATE OFF",
    )


def _compared(contract: Contract, read_at: datetime) -> str:
    """The condition of the rows that are compared: not deleted, and read before the keys, or nobody knows when."""
    read = f"t.{column_name(EXTRACTED_AT)}"
    return f"t.{column_name(contract.deleted or '')} IS NULL AND ({read} IS NULL OR {read} < {moment(read_at)})"


def find_gone(contract: Contract, read_at: datetime) -> Statement:
    """The keys of the rows that the source no longer has, with their days. NULL in a key of the source equals none."""
    names = dict.fromkeys((*contract.key, contract.day) if contract.day else contract.key)
    return Statement(
        "find the rows that are gone from the source",
        f"CREATE TEMP TABLE {GONE} AS\n"
        f"SELECT {columns(tuple(names), 't')} FROM {ident(contract.table)} AS t\n"
        f"WHERE {_compared(contract, read_at)}\n"
        f"    AND NOT EXISTS (SELECT 1 FROM {KEYS} AS k WHERE {same_key(contract, 'k', 't')})",
    )


def count_compared(contract: Contract, read_at: datetime) -> Statement:
    """How many rows are compared, and how many of them are gone."""
    return Statement(
        "count the rows that are compared",
        f"SELECT (SELECT COUNT(*) FROM {ident(contract.table)} AS t WHERE {_compared(contract, read_at)}),\n"
        f"    (SELECT COUNT(*) FROM {GONE})",
    )


def mark_gone(contract: Contract, read_at: datetime) -> Statement:
    """Make them tombstones, of the time at which the keys were read."""
    target = ident(contract.table)
    return Statement(
        "mark the rows that are gone",
        f"UPDATE {target} SET {column_name(contract.deleted or '')} = {_deleted_at(contract, read_at)}, "
        f"{column_name(EXTRACTED_AT)} = {moment(read_at)}\n"
        f"FROM {GONE} AS g WHERE {same_key(contract, target, 'g')}",
    )


def _deleted_at(contract: Contract, read_at: datetime) -> str:
    """The time as a value of the contract's ``deleted``."""
    kind = contract.column(contract.deleted or "").type.name
    if kind == "TIMESTAMPTZ":
        return f"CAST('{read_at.astimezone(UTC)}' AS TIMESTAMPTZ)"
    return moment(read_at) if kind == "TIMESTAMP" else f"CAST({moment(read_at)} AS {kind})"


def touch_days(contract: Contract, load_id: str) -> Statement:
    """Record the days of the tombstones."""
    day = column_name(contract.day or "")
    return insert_touched_days(
        contract.table, load_id, f"SELECT DISTINCT CAST({day} AS DATE) AS day FROM {GONE} WHERE {day} IS NOT NULL"
    )
