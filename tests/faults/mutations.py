"""Changes of the product that the histories must find, each by its name: what is undone, and in which kind of load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Column
from redshift_etl.extract import bounds
from redshift_etl.transform import sql as transform_sql
from redshift_etl.transform.value_checks import Check, contract_checks
from redshift_etl.warehouse import history, retry, upsert
from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.sql import load_sql, upsert_sql
from redshift_etl.warehouse.statement import Statement, columns, ident


@dataclass(frozen=True)
class Mutation:
    """Which kind of history shows it, and the attribute that another value takes the place of."""

    kind: str
    owner: Any
    name: str
    value: Callable[..., Any]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Until the end of the block, and in the processes that are forked in it."""
        plain = getattr(self.owner, self.name)
        setattr(self.owner, self.name, self.value)
        try:
            yield
        finally:
            setattr(self.owner, self.name, plain)


_run, _total_order = Session.run, upsert_sql._total_order


def _commit_after_delete(session: Session, statement: Statement) -> list[tuple[Any, ...]]:
    rows = _run(session, statement)
    if statement.sql.startswith("DELETE"):
        session.commit()
    return rows


def _truncate(contract: Contract) -> tuple[Statement, ...]:
    table, names = ident(contract.table), columns(contract.stored_names)
    return (
        Statement("empty the table", f"TRUNCATE {table}"),
        Statement("fill it", f"INSERT INTO {table} ({names}) SELECT {names} FROM {load_sql.STAGE}"),
    )


def _without_read_time(contract: Contract) -> str:
    return ", ".join(part for part in _total_order(contract).split(", ") if "_extracted_at" not in part)


def _any_blank(columns: Sequence[Column], types: Mapping[str, str], key: Sequence[str]) -> list[Check]:
    return [check for check in contract_checks(columns, types, key) if "blank" not in check.reason]


MUTATIONS = {
    "no LOCK": Mutation("incremental", retry, "lock", lambda _: Statement("wait for nobody", "SELECT 1")),
    "no dedupe": Mutation("incremental", upsert, "_has_conflicts", lambda *_: False),
    "commit before the end": Mutation("incremental", Session, "run", _commit_after_delete),
    "TRUNCATE in a full refresh": Mutation("full_refresh", load_sql, "replace_all", _truncate),
    "equal versions by alphabet": Mutation("incremental", upsert_sql, "_total_order", _without_read_time),
    "no lookback": Mutation("incremental", bounds, "read", lambda _contract, window, _default=None: window),
    "keys by DuckDB's equality": Mutation("incremental", transform_sql, "contract_checks", _any_blank),
    "no look at the history after a lost reply": Mutation("incremental", history, "find_committed", lambda *_: None),
}
