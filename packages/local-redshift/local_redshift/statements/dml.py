"""INSERT, UPDATE, DELETE: the table that a write locks, and the clauses that only PostgreSQL has.

A write waits for another transaction's write to the same table, so each is forwarded with the table to lock first. Only
the first tokens of a statement are read: an INSERT may have megabytes of literals.

Source: https://docs.aws.amazon.com/redshift/latest/dg/c_write_readwrite.html
"""

from __future__ import annotations

import itertools
import re

from local_redshift.sql.lexer import OPERATOR, QUOTED, WORD, Token, first_word, tokens
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.reserved_words import RESERVED
from local_redshift.sql.token_reader import qualified_sql
from local_redshift.statements.plan import Forward, Plan

_HEAD = 16  # tokens that hold the verb and the target's name
# Searched as substrings: a regular expression over megabytes of literals takes longer than the insert.
_POSTGRES_WORDS = ("conflict", "returning", "overriding")
_WRITING = re.compile(r"\(\s*(?:insert|update|delete|merge)\b")


def insert(sql: str) -> Plan:
    """The plan for INSERT INTO t …."""
    head = _head(sql)
    if len(head) > 1 and head[1].lower == "into":
        plan = _write(sql, head, 2)
        _refuse_reserved(sql, head)
        return plan
    return Forward(sql)


def _refuse_reserved(sql: str, head: list[Token]) -> None:
    """Raises RefusedError for a reserved word in the list of columns: no other module reads an INSERT of constants."""
    opening = next((token for token in head[2:] if token.text == "("), None)
    if opening is None or any(
        token.lower in ("values", "select", "with") for token in head if token.end <= opening.start
    ):
        return
    for token in itertools.takewhile(lambda token: token.text != ")", tokens(sql, opening.end)):
        if token.lower in ("select", "with") or token.text == "(":
            return
        if token.kind == WORD and token.lower in RESERVED:
            raise RefusedError(f'syntax error at or near "{token.text}"', "42601")


def update(sql: str) -> Plan:
    """The plan for UPDATE t SET …."""
    return _write(sql, _head(sql), 1)


def delete(sql: str) -> Plan:
    """DELETE [FROM] t … (FROM is optional on Redshift)."""
    head = _head(sql)
    if len(head) > 1 and head[1].lower != "from":
        sql = f"{sql[: head[0].end]} FROM {sql[head[1].start :]}"
        head = _head(sql)
    return _write(sql, head, 2)


def with_query(sql: str) -> Plan:
    """WITH … SELECT, UPDATE or DELETE. Raises RefusedError for a CTE that writes, and for WITH before INSERT."""
    refuse_additions(sql)
    verb = _verb(sql)
    if verb is None:
        return Forward(sql)
    if verb.lower in ("insert", "merge"):
        raise RefusedError(
            f'syntax error at or near "{verb.text}"', "42601", "Write INSERT INTO … WITH … SELECT; MERGE takes no WITH."
        )
    return _write(sql, _head(sql, verb.start), 2 if verb.lower == "delete" else 1)


def _verb(sql: str) -> Token | None:
    """Return the verb after the CTEs when it writes, or None."""
    depth = 0
    for token in tokens(sql):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.kind == WORD and token.lower in ("select", "insert", "update", "delete", "merge"):
            return None if token.lower == "select" else token
    return None


def refuse_additions(sql: str) -> None:
    """Raises RefusedError for clauses that PostgreSQL adds to DML: a search for their words, then by tokens."""
    lower = sql.lower()
    if not any(word in lower for word in _POSTGRES_WORDS) and not (
        first_word(sql) == "with" and _WRITING.search(lower)
    ):
        return
    previous = Token(OPERATOR, "", 0, 0)
    for token in tokens(sql):
        word = token.lower if token.kind == WORD else ""
        if word == "conflict" and previous.lower == "on":
            raise RefusedError(
                "ON CONFLICT is not supported by Redshift; use MERGE, or DELETE and INSERT in one transaction"
            )
        if word in ("returning", "overriding"):
            raise RefusedError(f"{word.upper()} is not supported by Redshift")
        if previous.text == "(" and word in ("insert", "update", "delete", "merge") and not _is_function(sql, token):
            raise RefusedError(
                "A WITH clause that writes is not supported by Redshift",
                hint="Run the statements one after the other in a transaction.",
            )
        previous = token


def _is_function(sql: str, token: Token) -> bool:
    return sql[token.end :].lstrip()[:1] in ("(", ",", ")")


def _head(sql: str, start: int = 0) -> list[Token]:
    return list(itertools.islice(tokens(sql, start), _HEAD))


def _refuse_several(head: list[Token]) -> None:
    """Raises RefusedError for UPDATE … SET (a, b) = …, which Redshift does not have."""
    for word, after in itertools.pairwise(head):
        if head[0].lower == "update" and word.lower == "set" and after.text == "(":
            raise RefusedError('syntax error at or near "("', "42601", "Write SET a = …, b = ….")


def _write(sql: str, head: list[Token], at: int) -> Plan:
    refuse_additions(sql)
    _refuse_several(head)
    parts = []
    while at < len(head) and head[at].kind in (WORD, QUOTED):
        parts.append(head[at].name)
        at += 1
        if at >= len(head) or head[at].text != ".":
            break
        at += 1
    if not parts:
        return Forward(sql)  # PostgreSQL reports the syntax error
    return Forward(sql, lock=qualified_sql(tuple(parts)))
