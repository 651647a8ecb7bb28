"""Runs a table's checks on a batch: on the stage before anything is visible, and on the table before the commit.

What a load finds is recorded with it, in its own transaction. What stops one is written on a second connection, for
the first one's rollback would remove it. Either way ``etl.check_results`` has the outcome of each check, and
``etl.check_failures`` the rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from redshift_etl.checks import rules
from redshift_etl.contracts import personal
from redshift_etl.contracts.check import FAIL, RESULT, ROWS, STAGE, WARN, Check
from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError, EtlError, SourceError
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session
from redshift_etl.warehouse.sql import load_sql
from redshift_etl.warehouse.statement import Statement, ident, insert_rows, truncate_bytes
from redshift_etl.window import utc_now

if TYPE_CHECKING:
    from redshift_etl.warehouse.model import Run
    from redshift_etl.window import Window

log = logging.getLogger(__name__)

KEPT_ROWS = 100
NAMED_ROWS = 5
_TEXT_BYTES = 1024  # of etl.check_failures.row_key and reason


@dataclass(frozen=True)
class Outcome:
    """How a check went: rows that failed it, and the first of them as (key, reason)."""

    check: Check
    failing: int = 0
    rows: tuple[tuple[str, str], ...] = ()

    @property
    def verdict(self) -> str:
        """passed, warned or failed, as in etl.check_results."""
        if not self.failing:
            return "passed"
        return "failed" if self.check.severity == FAIL else "warned"


@dataclass
class Audit:
    """The checks of one load. ``stage`` and ``result`` are the audits that ``load.run`` calls.

    ``rows`` is the temporary table of the batch.
    """

    connect: Connect
    contract: Contract
    checks: Sequence[Check]
    run: Run
    rows: str = load_sql.STAGE
    without_window: int | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    def stage(self, session: Session) -> None:
        """Check the batch before anything is visible. Raises SourceError when it must not be."""
        self.outcomes = self._check(session, STAGE, self.rows)
        if self.without_window is not None:
            self.outcomes.append(Outcome(_IN_A_WINDOW, self.without_window))
        self._refuse(STAGE)

    def result(self, session: Session, unversioned: int) -> list[Statement]:
        """Check the table inside the transaction. Returns what records every outcome in it. Raises SourceError."""
        self.outcomes += self._check(session, RESULT, self.contract.table)
        if self.contract.added:
            changed = rules.changed_without_version(self.contract)
            self.outcomes.append(_outcome(session, self.contract, changed, unversioned, self.contract.table))
        self._refuse(RESULT)
        if self.contract.added:
            self.outcomes.append(Outcome(_PROVED))
        return self._records()

    def _check(self, session: Session, on: str, rows: str) -> list[Outcome]:
        due = [check for check in self.checks if check.on == on]
        counted = _count(session, [check for check in due if check.sql], rows)
        return [_outcome(session, self.contract, check, counted.get(check.name, 0), rows) for check in due]

    def _refuse(self, on: str) -> None:
        for outcome in self.outcomes:
            if outcome.verdict == "warned" and outcome.check.on == on:
                log.warning("%s: %s", self.contract.table, _sentence(outcome))
        failed = [outcome for outcome in self.outcomes if outcome.verdict == "failed"]
        if not failed:
            return
        self._record_apart()
        names = ", ".join(outcome.check.name for outcome in failed)
        raise SourceError(
            f"The batch fails {names}: {'; '.join(map(_sentence, failed))}.",
            fix=f"{self._fix()}; all the rows: SELECT * FROM etl.check_failures WHERE table_name = "
            f"'{self.contract.table}' ORDER BY failed_at DESC",
            table=self.contract.table,
            check=names,
        )

    def _fix(self) -> str:
        """The rows of a mart are those of its SELECT."""
        if self.rows == load_sql.STAGE:
            return "fix the source and run again"
        return f"check the joins of include/sql/marts/{self.contract.name}.sql, and its inputs"

    def _record_apart(self) -> None:
        """On a second connection. That the batch is bad is the error to report, not that noting it failed."""
        try:
            with open_session(self.connect, self.contract.table) as session, session.transaction():
                session.run_step(self._records())
        except (EtlError, StatementError) as error:
            log.warning("%s: could not record the failing rows: %s", self.contract.table, error)

    def _records(self) -> list[Statement]:
        return records(self.contract.table, self.outcomes, self.run)


def records(table: str, outcomes: Sequence[Outcome], run: Run) -> list[Statement]:
    """Record the outcomes of a table's checks, and the rows that failed them."""
    audit_id, now = uuid4().hex, utc_now()
    results = [
        (
            audit_id, table, o.check.name, _cut(o.check.description), o.check.severity, o.check.on, o.verdict,
            o.failing, run.dag_id, run.run_id, run.task_id, run.try_number, now,
        )
        for o in outcomes
    ]  # fmt: skip
    rows = [
        (audit_id, table, o.check.name, o.check.severity, number, _cut(key), _cut(reason), now)
        for o in outcomes
        for number, (key, reason) in enumerate(o.rows, 1)
    ]
    return [
        *insert_rows("etl.check_results", _RESULTS, results, "record the checks"),
        *insert_rows("etl.check_failures", _FAILURES, rows, "record the failing rows"),
    ]


def of(
    connect: Connect,
    contract: Contract,
    run: Run,
    window: Window | None = None,
    rows: str = load_sql.STAGE,
    into: Contract | None = None,
    without_window: int | None = None,
) -> Audit:
    """The audit of one load of a table, or ``into`` a shadow of it. Raises ConfigError for a file that is no check.

    ``without_window`` rows of the source were not extracted, because they have no time; None if nobody counted them.
    """
    return Audit(connect, into or contract, rules.for_table(contract.staged, window), run, rows, without_window)


_RESULTS = (
    "audit_id", "table_name", "check_name", "description", "severity", "checked_on", "outcome", "failing_rows",
    "dag_id", "run_id", "task_id", "try_number", "checked_at",
)  # fmt: skip
_FAILURES = ("audit_id", "table_name", "check_name", "severity", "row_number", "row_key", "reason", "failed_at")
_IN_A_WINDOW = Check(
    "in_a_window",
    WARN,
    STAGE,
    "Each row of the source has the time by which it is extracted, or it is not loaded.",
    "",
)
_PROVED = Check(rules.KEY_UNIQUE, FAIL, RESULT, "Each key of the batch occurs once in the table.", "")


def count_statements(checks: Sequence[Check], rows: str) -> list[tuple[tuple[Check, ...], Statement]]:
    """The counts of failing rows: by one scan where that can be, the contract's others in one statement, files each."""
    scanned = tuple(check for check in checks if check.count)
    derived = tuple(check for check in checks if not check.count and not check.path)
    statements = [(scanned, _scan(scanned, rows))] if scanned else []
    if derived:
        statements.append((derived, _counts(derived, rows, "check the batch as a whole")))
    statements += [((check,), _counts((check,), rows, f"check {check.name}")) for check in checks if check.path]
    return statements


def _scan(some: Sequence[Check], rows: str) -> Statement:
    counts = ",\n    ".join(check.count for check in some if check.count)
    read = "\n".join([ident(rows), *(check.join for check in some if check.join)])
    values = tuple(value for check in some for value in check.values)
    return Statement("check the rows", f"SELECT\n    {counts}\nFROM {read}", values)


def _counts(some: Sequence[Check], rows: str, purpose: str) -> Statement:
    counts = ",\n".join(f"(SELECT COUNT(*) FROM (\n{_read(check, rows)}\n) AS offending)" for check in some)
    return Statement(purpose, f"SELECT\n{counts}", tuple(value for check in some for value in check.values))


def _read(check: Check, rows: str) -> str:
    return check.sql.replace(ROWS, ident(rows))


def _count(session: Session, checks: Sequence[Check], rows: str) -> dict[str, int]:
    counted: dict[str, int] = {}
    for some, statement in count_statements(checks, rows):
        values = _run(session, statement, some)[0]
        counted |= {check.name: int(value) for check, value in zip(some, values, strict=True)}
    return counted


def _outcome(session: Session, contract: Contract, check: Check, failing: int, rows: str) -> Outcome:
    if not failing:
        return Outcome(check)
    # The first rows found: in order, the warehouse would have to find all of them again.
    text = f"SELECT * FROM (\n{_read(check, rows)}\n) AS offending LIMIT {KEPT_ROWS}"
    if contract.key:
        text = f"SELECT * FROM (\n{text}\n) AS kept ORDER BY 1"
    found = _run(session, Statement(f"read what fails {check.name}", text, check.values), [check])
    rows_shown = ((_key(contract, row[:-1]), personal.reason(contract, check.sql, str(row[-1]))) for row in found)
    return Outcome(check, failing, tuple(rows_shown))


def _run(session: Session, statement: Statement, some: Sequence[Check]) -> list[tuple[Any, ...]]:
    try:
        return session.run(statement)
    except StatementError as error:
        path = some[0].path if len(some) == 1 else None
        raise ConfigError(
            f"The warehouse refuses a check: {error.message}.",
            fix=f"correct {path or 'the contract that it follows from'}; until then nothing is loaded unchecked",
            check=", ".join(check.name for check in some),
            code=error.code,
            statement=statement.sql,
        ) from error


def _key(contract: Contract, values: Sequence[object]) -> str:
    if len(values) != len(contract.key):
        return ", ".join(map(str, values)) if not contract.pii else personal.HIDDEN
    named = {name: str(value) for name, value in zip(contract.key, values, strict=True)}
    return ", ".join(f"{name}={value}" for name, value in personal.key(contract, named).items())


def _sentence(outcome: Outcome) -> str:
    rows: Iterable[str] = (f"{key} ({reason})" if key else reason for key, reason in outcome.rows[:NAMED_ROWS])
    return f"{outcome.check.name}, {outcome.failing} rows, e.g. {', '.join(rows)}"


def _cut(text: str) -> str:
    return truncate_bytes(text, _TEXT_BYTES)
