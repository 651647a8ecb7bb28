"""The statements that fill the stage, and those of a full refresh. Pure: nothing here connects to a warehouse."""

from __future__ import annotations

from redshift_etl.contracts.model import VALID_FROM, Contract
from redshift_etl.warehouse.compare import intersection, same_key
from redshift_etl.warehouse.model import CopySource
from redshift_etl.warehouse.sql.in_place import replace_by_key
from redshift_etl.warehouse.statement import Statement, column_name, columns, count_rows, ident, literal

STAGE = "stage"


def create_stage(contract: Contract) -> Statement:
    """A temporary table of the target's shape; NOT NULL comes with LIKE, keys do not (AWS, CREATE TABLE).

    Without LIKE where columns are left to Redshift: an IDENTITY column's NOT NULL would come too, and no value. That of
    a snapshot has of the interval its start alone, which is set when the rows are staged.
    """
    shape = f"LIKE {ident(contract.table)} INCLUDING DEFAULTS"
    if contract.left_out or contract.load == "snapshot":
        declared = contract.staged.columns
        shape = ", ".join(f"{column_name(it.name)} {it.type}{'' if it.nullable else ' NOT NULL'}" for it in declared)
    if contract.load == "snapshot":
        shape += f", {VALID_FROM} TIMESTAMP"
    return Statement("create the staging table", f"CREATE TEMP TABLE {STAGE} ({shape})")


def copy_stage(contract: Contract, source: CopySource) -> Statement:
    """COPY by manifest into the stage, by named columns; an empty text stays one, for NULL has a mark of its own.

    Without STATUPDATE, COPY analyses a table that was empty, and the joins with the target are planned by its size
    (https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html).
    """
    return Statement(
        "copy the batch into the staging table",
        f"COPY {STAGE} ({columns(contract.column_names)})\n"
        f"FROM {literal(source.manifest_url)}\n"
        f"IAM_ROLE {literal(source.iam_role)}\n"
        f"REGION {literal(source.region)}\n"
        "FORMAT AS CSV ZSTD MANIFEST\n"
        "NULL AS '\\\\N'\n"
        "DATEFORMAT 'auto' TIMEFORMAT 'auto'\n"
        "COMPUPDATE OFF",
    )


def count_stage(contract: Contract) -> tuple[Statement, ...]:
    """How many rows are staged, and how many of them lack a part of the key, if there is one."""
    if not contract.key:
        return (count_rows(STAGE),)
    missing = " OR ".join(f"{column_name(name)} IS NULL" for name in contract.key)
    return count_rows(STAGE), Statement("count NULL keys", f"SELECT COUNT(*) FROM {STAGE} WHERE {missing}")


def repeated_keys(contract: Contract, table: str, limit: int = 5) -> Statement:
    """Some keys that ``table`` has more than once: declared keys are not enforced (AWS, "Defining constraints")."""
    keys = columns(contract.key)
    return Statement(
        "read repeated keys",
        f"SELECT {keys}, COUNT(*) FROM {ident(table)}\n"
        f"GROUP BY {keys} HAVING COUNT(*) > 1 ORDER BY {keys} LIMIT {limit}",
    )


def compare_refresh(contract: Contract) -> Statement:
    """For a full refresh: rows in the target, keys new to it, keys gone from it, rows the same in every column."""
    target, same = ident(contract.table), same_key(contract, "s", "t")
    return Statement(
        "compare the batch with the table",
        f"""SELECT
    (SELECT COUNT(*) FROM {target}),
    (SELECT COUNT(*) FROM {STAGE} AS s WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {same})),
    (SELECT COUNT(*) FROM {target} AS t WHERE NOT EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {same})),
    (SELECT COUNT(*) FROM {intersection(contract, STAGE, contract.table)})""",
    )


def replace_all(contract: Contract) -> tuple[Statement, ...]:
    """DELETE and INSERT: TRUNCATE would commit at once and show readers an empty table (AWS, TRUNCATE)."""
    target, names = ident(contract.table), columns(contract.column_names)
    if contract.left_out:
        return replace_by_key(contract, STAGE)
    return (
        Statement("delete every row", f"DELETE FROM {target}"),
        Statement("insert the batch", f"INSERT INTO {target} ({names})\nSELECT {names} FROM {STAGE}"),
    )
