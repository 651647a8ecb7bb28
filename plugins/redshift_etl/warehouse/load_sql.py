"""Every statement that a load sends, in order, as text. Pure: nothing here connects to a warehouse.

An incremental upsert is a maximum. For each key the rows of the batch and the row of the target are put in one total
order (newest version, then tombstone, then every column), and the first is the target's row afterwards. A
maximum is independent of order and repetition, and so are loads: repeated, late or concurrent, they end the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse.compare import comparable, intersection, same_key
from redshift_etl.warehouse.in_place import replace_by_key, update_in_place
from redshift_etl.warehouse.model import CopySource, Counts
from redshift_etl.warehouse.statement import Statement, column_name, columns, count_rows, ident, literal, text
from redshift_etl.warehouse.touched_days import insert_touched_days

STAGE = "stage"
DECIDED = "decided"
EXISTING = "existing"
"""The outcome of a row of the target that the batch has a row for."""


def create_stage(contract: Contract) -> Statement:
    """A temporary table of the target's shape; NOT NULL comes with LIKE, keys do not (AWS, CREATE TABLE).

    Without LIKE where columns are left to Redshift: an IDENTITY column's NOT NULL would come too, and no value.
    """
    if contract.left_out:
        defined = ", ".join(
            f"{column_name(it.name)} {it.type}{'' if it.nullable else ' NOT NULL'}" for it in contract.columns
        )
        return Statement("create the staging table", f"CREATE TEMP TABLE {STAGE} ({defined})")
    return Statement(
        "create the staging table",
        f"CREATE TEMP TABLE {STAGE} (LIKE {ident(contract.table)} INCLUDING DEFAULTS)",
    )


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


def _total_order(contract: Contract) -> str:
    order = [f"{ident(contract.version)} DESC"] if contract.version else []
    if contract.deleted:
        order.append(f"CASE WHEN {ident(contract.deleted)} IS NULL THEN 1 ELSE 0 END")
    rest = [column for column in contract.columns if column.name not in (*contract.key, contract.version)]
    for column in rest:
        optional = column.nullable or column.type.name == "SUPER"
        order.append(f"{comparable(column)} DESC NULLS LAST" if optional else f"{comparable(column)} DESC")
    return ", ".join(order)


def decide(contract: Contract) -> Statement:
    """What becomes of each staged row: inserted, updated, deleted (a tombstone), unchanged or superseded.

    The target's own rows of the same keys are beside them, as ``EXISTING``.
    """
    names, keys, order = columns(contract.column_names), columns(contract.key), _total_order(contract)
    tombstone = (
        f"WHEN place = 1 AND {ident(contract.deleted)} IS NOT NULL THEN 'deleted'\n        " if contract.deleted else ""
    )
    return Statement(
        "decide what becomes of each row",
        f"""CREATE TEMP TABLE {DECIDED} AS
SELECT {names}, place, known,
    CAST(CASE
        WHEN from_target = 1 THEN '{EXISTING}'
        {tombstone}WHEN place = 1 AND known = 1 THEN 'updated'
        WHEN place = 1 THEN 'inserted'
        WHEN tie = 1 AND place = 2 AND before = 1 THEN 'unchanged'
        ELSE 'superseded'
    END AS VARCHAR(16)) AS outcome
FROM (
    SELECT {names}, from_target,
        ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {order}, from_target DESC) AS place,
        LAG(from_target) OVER (PARTITION BY {keys} ORDER BY {order}, from_target DESC) AS before,
        RANK() OVER (PARTITION BY {keys} ORDER BY {order}) AS tie,
        MAX(from_target) OVER (PARTITION BY {keys}) AS known
    FROM (
        SELECT {names}, 0 AS from_target FROM {STAGE}
        UNION ALL
        SELECT {columns(contract.column_names, "t")}, 1 AS from_target FROM {ident(contract.table)} AS t
        WHERE EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {same_key(contract, "s", "t")})
    ) AS candidates
) AS ordered""",
    )


def known_keys(contract: Contract) -> Statement:
    """One row if the target has any key of the batch."""
    return Statement(
        "read keys that exist already",
        f"SELECT 1 FROM {ident(contract.table)} AS t\n"
        f"WHERE EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {same_key(contract, 's', 't')}) LIMIT 1",
    )


def all_new(contract: Contract) -> str:
    """In the place of DECIDED, for a batch whose keys are all new and single."""
    outcome = text("inserted", 16)
    if contract.deleted:
        outcome = f"CASE WHEN {ident(contract.deleted)} IS NULL THEN {outcome} ELSE {text('deleted', 16)} END"
    return f"(SELECT {columns(contract.column_names)}, 1 AS place, {outcome} AS outcome FROM {STAGE}) AS decided"


def count_outcomes(decided: str = DECIDED) -> Statement:
    """Rows by outcome."""
    return Statement("count the outcomes", f"SELECT outcome, COUNT(*) FROM {decided} GROUP BY outcome")


def decide_step(contract: Contract, decided: str) -> tuple[Statement, ...]:
    """Decide, unless ``decided`` is a relation of its own (``all_new``), and count the rows by outcome."""
    return (*((decide(contract),) if decided == DECIDED else ()), count_outcomes(decided))


def write_step(contract: Contract, decided: str, counts: Counts, existing: int) -> tuple[Statement, ...]:
    """Delete what is replaced, insert what wins, and query the keys for copies.

    ``existing``: rows of the target that have a key of the batch. The last statement returns the keys that the target
    has more than once; it is left out for ``all_new``.
    """
    statements = []
    if existing and (counts.updated or counts.deleted):
        statements.append(delete_replaced(contract))
    if counts.inserted or counts.updated or counts.deleted:
        statements.append(insert_decided(contract, decided))
    if decided == DECIDED:
        statements.append(repeated_target_keys(contract))
    return tuple(statements)


def delete_replaced(contract: Contract) -> Statement:
    """Remove the target's rows whose key has a newer one."""
    target = ident(contract.table)
    if contract.left_out:
        return update_in_place(contract, DECIDED, "d.known = 1 AND d.outcome IN ('updated', 'deleted')")
    return Statement(
        "delete the rows that are replaced",
        f"DELETE FROM {target} USING {DECIDED} AS d\n"
        f"WHERE {same_key(contract, target, 'd')}\n  AND d.known = 1 AND d.outcome IN ('updated', 'deleted')",
    )


def insert_decided(contract: Contract, decided: str = DECIDED) -> Statement:
    """Write the winning rows, by named columns."""
    names = columns(contract.column_names)
    return Statement(
        "insert the winning rows",
        f"INSERT INTO {ident(contract.table)} ({names})\n"
        f"SELECT {names} FROM {decided} WHERE outcome IN ('inserted', 'updated', 'deleted')"
        f"{' AND known = 0' if contract.left_out and decided == DECIDED else ''}",
    )


def repeated_target_keys(contract: Contract, rows: str = STAGE, limit: int = 5) -> Statement:
    """Keys of ``rows``, the stage or a shadow, that the target has more than once."""
    keys = columns(contract.key, "t")
    return Statement(
        "prove the key unique",
        f"SELECT {keys}, COUNT(*) FROM {ident(contract.table)} AS t\n"
        f"WHERE EXISTS (SELECT 1 FROM {ident(rows)} AS s WHERE {same_key(contract, 's', 't')})\n"
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


def touch_days(contract: Contract, load_id: str, window_days: Sequence[object], decided: str = DECIDED) -> Statement:
    """Record which days a load touched: where changed rows are now, where the rows they replace were, and the window's.

    The window's own days count even if nothing changed: a re-run of a day rebuilds its marts, and a day without rows
    was loaded all the same. Nothing is read from the table written to, so concurrent loads stay serializable.
    """
    day = ident(contract.day or "")
    window = "".join("\n    UNION\n    SELECT CAST(%s AS DATE)" for _ in window_days)
    days = f"""SELECT CAST({day} AS DATE) AS day FROM {decided}
    WHERE {day} IS NOT NULL
        AND (outcome IN ('inserted', 'updated', 'deleted') OR (outcome = '{EXISTING}' AND place > 1)){window}"""
    return insert_touched_days(contract.table, load_id, days, window_days)
