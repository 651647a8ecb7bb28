"""A table's checks: those that follow from its contract, and those of ``include/sql/checks/<schema>/<table>/``. Pure.

A check is a SELECT of the rows that should not be there: the columns that identify a row first, the reason last. It
reads ``:rows``, which is the stage before anything is visible, or the table inside the transaction. A check without
rows has passed. One of severity ``fail`` refuses the load, one of ``warn`` is recorded and the load goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from redshift_etl.contracts import names
from redshift_etl.contracts.check import FAIL, RESULT, ROWS, STAGE, WARN, Check, read_all
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Column, Type
from redshift_etl.warehouse.history import recent_staged
from redshift_etl.warehouse.sql import upsert_sql
from redshift_etl.warehouse.statement import column_name, columns, ident, literal, text
from redshift_etl.window import Window

KEY_UNIQUE = "key_unique"

HISTORY_LOADS = 8  # a batch is compared with the mean of these loads, each of another window
HISTORY_NEEDED = 4  # with fewer there is no comparison
TOO_FEW, TOO_MANY = 0.5, 2.0  # times the mean


def for_table(contract: Contract, window: Window | None = None) -> tuple[Check, ...]:
    """Every check of a table. A file of the same name replaces a check that follows from the contract.

    Raises ConfigError for a file that cannot be a check; the message names it.
    """
    written = {check.name: check for check in read_all(contract)}
    derived = tuple(check for check in from_contract(contract, window) if check.name not in written)
    return (*derived, *written.values())


def from_contract(contract: Contract, window: Window | None = None) -> tuple[Check, ...]:
    """What the contract promises, as checks on the stage."""
    checks = _enforced(contract)
    loaded = contract.column_names
    checks += [_accepted(contract, name, values) for name, values in contract.accepted.items() if name in loaded]
    checks += [_references(contract, column) for column in contract.columns if column.references]
    if contract.key and contract.load not in ("incremental", "snapshot"):
        checks.append(_key_unique(contract))
    timed = contract.version if contract.version and contract.column(contract.version).type.is_time else None
    if timed:
        checks.append(_version_not_ahead(contract, timed))
    if contract.load != "partition":
        checks.append(_row_count(contract, window))
    if window and timed and contract.fresh_within:
        checks.append(_freshness(contract.column(timed), window, contract.fresh_within))
    return tuple(checks)


def _row_check(contract: Contract, name: str, severity: str, description: str, bad: str, reason: str) -> Check:
    sql = f"SELECT {_identifying(contract)}, {reason} AS {_reason(contract)}\nFROM {ROWS}\nWHERE {bad}"
    return Check(name, severity, STAGE, description, sql, count=_number_of(bad))


def _identifying(contract: Contract) -> str:
    return columns(contract.key or contract.column_names[:1])


def _reason(contract: Contract) -> str:
    """The name of the last column, which no column of the table has."""
    return names.unused("reason", contract.column_names)


def _number_of(bad: str) -> str:
    return f"COUNT(CASE WHEN {bad} THEN 1 END)"


def _text(column: Column) -> str:
    """A value as a text; a BOOLEAN has no cast to VARCHAR (AWS, "Type compatibility and conversion")."""
    name = column_name(column.name)
    if column.type.name == "BOOLEAN":
        return f"CASE WHEN {name} THEN 'true' WHEN NOT {name} THEN 'false' END"
    return f"CAST({name} AS VARCHAR(256))"


def _enforced(contract: Contract) -> list[Check]:
    """What the stage's own columns refuse, so that asking again would find nothing (AWS, CREATE TABLE: LIKE)."""
    required = [column.name for column in contract.columns if not column.nullable]
    texts = [f"{column.name} {column.type.length}" for column in contract.columns if column.type.is_text]
    checks = []
    if required:
        checks.append(Check("not_null", FAIL, STAGE, f"There is a value in {', '.join(required)}.", ""))
    if texts:
        checks.append(Check("byte_length", FAIL, STAGE, f"Texts fit, in bytes: {', '.join(texts)}.", ""))
    return checks


def _accepted(contract: Contract, name: str, values: tuple[str, ...]) -> Check:
    among = ", ".join(literal(value) for value in values)
    column = contract.column(name)
    value = column_name(name) if column.type.is_text else _text(column)
    bad = f"{column_name(name)} IS NOT NULL AND {value} NOT IN ({among})"
    description = f"{name} is one of {', '.join(values)}."
    return _row_check(
        contract, f"accepted_{name}", FAIL, description, bad, f"{literal(f'{name} is ')} || {_text(column)}"
    )


def _references(contract: Contract, column: Column) -> Check:
    """Each value is joined once: the other table may have several rows of it.

    By GROUP BY, for DISTINCT may be left out over a declared key
    (https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html).
    """
    assert column.references is not None
    check, name, target = f"references_{column.name}", column_name(column.name), column.references.table
    alias = column_name(names.unused(check, contract.column_names))
    known = f"SELECT {column_name(column.references.column)} AS {alias} FROM {ident(target)} GROUP BY 1"
    join = f"LEFT JOIN ({known}) AS {alias} ON {alias}.{alias} = {name}"
    key, bad = columns(contract.key or (column.name,)), f"{name} IS NOT NULL AND {alias} IS NULL"
    what, where = literal(f"{column.name} "), literal(f" is not in {target}")
    return Check(
        check,
        FAIL if column.references.declared else WARN,
        STAGE,
        f"{column.name} is in {target}.",
        f"SELECT {key}, {what} || {_text(column)} || {where} AS {_reason(contract)}\nFROM {ROWS}\n{join}\nWHERE {bad}",
        count=_number_of(bad),
        join=join,
    )


def _key_unique(contract: Contract) -> Check:
    key = columns(contract.key)
    return Check(
        KEY_UNIQUE,
        FAIL,
        STAGE,
        "Each key occurs once; Redshift does not enforce it.",
        f"SELECT {key}, 'the key occurs ' || CAST(COUNT(*) AS VARCHAR(20)) || ' times' AS {_reason(contract)}\n"
        f"FROM {ROWS}\nGROUP BY {key} HAVING COUNT(*) > 1",
    )


def changed_without_version(contract: Contract) -> Check:
    """The state that was read later is loaded all the same; a source that does this loses changes between two reads."""
    return Check(
        "changed_without_version",
        WARN,
        RESULT,
        f"A row whose values change has a new {contract.version}.",
        upsert_sql.unversioned_rows(contract),
    )


def _version_not_ahead(contract: Contract, version: str) -> Check:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    bad = f"{column_name(version)} > {literal(_as(contract.column(version).type, tomorrow))}"
    description = f"{version} is not in the future: the newest wins, so such a row could never be replaced."
    return _row_check(
        contract,
        "version_not_ahead",
        WARN,
        description,
        bad,
        f"{literal(f'{version} is ')} || {_text(contract.column(version))}",
    )


def _row_count(contract: Contract, window: Window | None) -> Check:
    """Compared with loads whose window is as long, so that a day is not compared with a year, the newest of each."""
    recent, values = recent_staged(contract.table, window, HISTORY_LOADS)
    return Check(
        "row_count",
        WARN,
        STAGE,
        f"The batch has {TOO_FEW:g} to {TOO_MANY:g} times the mean rows of the last {HISTORY_LOADS} windows loaded.",
        f"""SELECT batch.staged, 'the mean of the last loads is ' || CAST(recent.mean AS VARCHAR(40)) AS reason
FROM (SELECT COUNT(*) AS staged FROM {ROWS}) AS batch
CROSS JOIN (
    SELECT CAST(AVG(CAST(staged AS DOUBLE PRECISION)) AS DECIMAL(18, 1)) AS mean, COUNT(*) AS loads
    FROM (
        {recent}
    ) AS loads
) AS recent
WHERE recent.loads >= {HISTORY_NEEDED}
    AND (batch.staged < recent.mean * {TOO_FEW} OR batch.staged > recent.mean * {TOO_MANY})""",
        values,
    )


def _as(kind: Type, when: datetime) -> str:
    """A moment (UTC) as the text of a DATE, TIMESTAMP or TIMESTAMPTZ."""
    if kind.name == "DATE":
        return str(when.date())
    return str(when if kind.name == "TIMESTAMPTZ" else when.replace(tzinfo=None))


def _freshness(column: Column, window: Window, within: timedelta) -> Check:
    version, newest = column.name, f"MAX({column_name(column.name)})"
    oldest = _as(column.type, window.end - within)
    old = f"{newest} < CAST(%s AS {column.type.name})"
    return Check(
        "freshness",
        WARN,
        STAGE,
        f"The newest row of the batch is not older than {within} at the end of its window.",
        f"SELECT newest, {text(f'the newest {version} of the batch', 256)} AS reason\n"
        f"FROM (SELECT {newest} AS newest FROM {ROWS}) AS batch\nWHERE newest < CAST(%s AS {column.type.name})",
        (oldest,),
        count=f"CASE WHEN {old} THEN 1 ELSE 0 END",
    )
