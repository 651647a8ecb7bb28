"""Broken statements made from the corpus: the rewrite returns, requests columns or refuses."""

import random
from collections.abc import Mapping

from local_redshift.corpus import cases
from local_redshift.query.rewrite import rewrite
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Column, NeedColumns, Refused

STATEMENTS = [
    statement for heading in cases.read() for group in heading.groups for case in group.cases for statement in case.sql
]
assert len(STATEMENTS) > 400  # the tests below are loops over them
COLUMNS = (Column("id", 23, -1), Column("a", 1700, (8 << 16 | 2) + 4), Column("price", 1700, -1))
MAX_REQUESTS = 100


def is_handled(sql: str, known: Mapping[str, tuple[Column, ...] | None] | None = None) -> bool:
    try:
        return isinstance(rewrite(sql, known), str)
    except (Refused, NeedColumns, lexer.LexError):
        return True


def test_a_statement_cut_anywhere_is_handled() -> None:
    rng = random.Random(20131)
    for statement in STATEMENTS:
        for _ in range(3):
            cut = statement[: rng.randint(0, len(statement))]
            assert is_handled(cut), cut


def test_statements_with_tokens_removed_and_repeated_are_handled() -> None:
    rng = random.Random(20132)
    for statement in STATEMENTS:
        try:
            tokens = [token.text for token in lexer.tokens(statement)]
        except lexer.LexError:
            continue
        mixed = " ".join(token for token in tokens for _ in range(rng.choice((0, 1, 1, 1, 2))))
        assert is_handled(mixed), mixed


def test_a_rewrite_ends_whatever_columns_it_receives() -> None:
    for statement in STATEMENTS:
        for columns in (None, COLUMNS, ()):
            assert comes_to_an_end(statement, columns), f"requests columns without end: {statement}"


def comes_to_an_end(statement: str, columns: tuple[Column, ...] | None) -> bool:
    known: dict[str, tuple[Column, ...] | None] = {}
    for _ in range(MAX_REQUESTS):
        try:
            rewrite(statement, known)
        except NeedColumns as need:
            known[need.query] = columns
        except (Refused, lexer.LexError):
            return True
        else:
            return True
    return False


def test_lists_with_nothing_in_them_are_handled() -> None:
    for sql in ("select * exclude (price, , ) from t", "select lag() ignore nulls over (order by a) from t"):
        assert is_handled(sql)
        assert is_handled(sql, {"SELECT * from t": COLUMNS[-1:]})
