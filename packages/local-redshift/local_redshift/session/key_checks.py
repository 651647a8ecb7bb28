"""Compares the declared keys that a statement relies on with the data (query/declared_keys.py).

Off unless LOCAL_REDSHIFT_CHECK_KEYS is warn or error: it reads the tables before each statement that has a candidate,
and its queries take the transaction's snapshot.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from local_redshift.protocol.backend import Backend, BackendError
from local_redshift.query.declared_keys import Distinct, Join, candidates
from local_redshift.sql.lexer import quote_literal, quote_name

_KEYS = """SELECT conname, contype::text, k.confrelid::regclass::text,
    ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS n (number, place)
          JOIN pg_attribute ON attrelid = k.relid AND attnum = number ORDER BY place)::text,
    ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS n (number, place)
          JOIN pg_attribute ON attrelid = k.confrelid AND attnum = number ORDER BY place)::text,
    CASE WHEN k.confrelid = to_regclass({other}) THEN 'true' END,
    ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass({other}) AND attnum > 0)::text
FROM redshift_internal.declared_keys k WHERE k.relid = to_regclass({table})"""
_log = logging.getLogger(__name__)


class _Key(NamedTuple):
    name: str
    kind: str
    columns: list[str]
    referenced: list[str]
    is_of_joined: bool
    columns_of_joined: list[str]


async def broken_key(backend: Backend, sql: str) -> str | None:
    """What a cluster may answer otherwise because the data breaks a declared key, or None."""
    if backend.status == b"E":
        return None
    for candidate in candidates(sql):
        if found := await _look(backend, candidate):
            _log.warning("%s", found)
            return found
    return None


async def _look(backend: Backend, candidate: Distinct | Join) -> str | None:
    block = backend.status == b"T"
    if block:
        await backend.query("SAVEPOINT redshift_keys")
    try:
        return await (_distinct(backend, candidate) if isinstance(candidate, Distinct) else _join(backend, candidate))
    except BackendError:
        return None  # the statement itself fails with the same error
    finally:
        if block:
            await backend.query("ROLLBACK TO SAVEPOINT redshift_keys; RELEASE SAVEPOINT redshift_keys")


async def _distinct(backend: Backend, distinct: Distinct) -> str | None:
    for key in await _keys(backend, distinct.table, distinct.table):
        if key.kind in ("p", "u") and distinct.columns >= set(key.columns):
            listed = ", ".join(map(quote_name, key.columns))
            rows = f"SELECT 1 FROM {distinct.table} WHERE ({listed}) IS NOT NULL GROUP BY {listed} HAVING COUNT(*) > 1"
            if await _has_rows(backend, rows):
                return f"SELECT DISTINCT may return duplicates: rows of {distinct.table} break its key {key.name}"
    return None


async def _join(backend: Backend, join: Join) -> str | None:
    for key in await _keys(backend, join.table, join.joined):
        pairs = set(zip(key.columns, key.referenced, strict=False))
        if key.kind != "f" or not key.is_of_joined or pairs != set(join.pairs):
            continue
        if join.names & (set(key.columns_of_joined) - {own for own, _ in join.pairs}):
            continue  # a column of the joined table may be used
        own = ", ".join(f"a.{quote_name(name)}" for name in key.columns)
        equal = " AND ".join(f"b.{quote_name(far)} = a.{quote_name(near)}" for near, far in join.pairs)
        rows = f"SELECT 1 FROM {join.table} a WHERE ({own}) IS NOT NULL"
        rows += f" AND (SELECT COUNT(*) FROM {join.joined} b WHERE {equal}) <> 1"
        if await _has_rows(backend, rows):
            return f"The join to {join.joined} may be left out: rows of {join.table} break its key {key.name}"
    return None


async def _keys(backend: Backend, table: str, joined: str) -> list[_Key]:
    query = _KEYS.format(table=quote_literal(table), other=quote_literal(joined))
    rows = (await backend.query(query)).rows
    return [
        _Key(row[0] or "", row[1] or "", _names(row[3]), _names(row[4]), row[5] == "true", _names(row[6]))
        for row in rows
    ]


def _names(array: str | None) -> list[str]:
    return [name.strip('"') for name in (array or "{}")[1:-1].split(",") if name]


async def _has_rows(backend: Backend, query: str) -> bool:
    return bool((await backend.query(f"{query} LIMIT 1")).rows)
