"""The lock table of each table: its writers LOCK that one, so that they follow each other and readers never wait.

LOCK takes ACCESS EXCLUSIVE (https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html): on the table itself, every
reader would wait from it to the COMMIT. A lock table is empty and nobody reads it; meanwhile readers of the table see
the last commit.
"""

from __future__ import annotations

from redshift_etl.warehouse.statement import Statement, ident

SCHEMA = "etl_lock"


def lock_table(table: str) -> str:
    """The table that the writers of ``table`` LOCK: ``etl_lock.core__flights`` for ``core.flights``."""
    return f"{SCHEMA}.{table.replace('.', '__')}"


def lock(table: str) -> Statement:
    """The first statement of each transaction that writes ``table``.

    A LOCK after the first SELECT, which takes the snapshot, does not help
    (https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html).
    """
    return Statement("wait for the other writers", f"LOCK TABLE {ident(lock_table(table))}")


def create(table: str) -> Statement:
    """The lock table of ``table``, unless it is there."""
    name = ident(lock_table(table))
    return Statement("create the lock table", f"CREATE TABLE IF NOT EXISTS {name} (locked INTEGER) DISTSTYLE ALL")
