"""Broken statements made from the corpus: the rewrite answers, asks or refuses, and never fails in any other way."""

import random

from local_redshift.corpus import cases as corpus
from local_redshift.query import rewrite as functions
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Column

STATEMENTS = [
    statement for heading in corpus.read() for group in heading.groups for case in group.cases for statement in case.sql
]
COLUMNS = (Column("id", 23, -1), Column("a", 1700, (8 << 16 | 2) + 4), Column("price", 1700, -1))
MOST_QUESTIONS = 100


def is_answered(sql, known=None):
    try:
        return isinstance(functions.rewrite(sql, known), str)
    except (functions.Refused, functions.NeedColumns, lexer.LexError):
        return True


def test_a_statement_cut_anywhere_is_answered() -> None:
    chance = random.Random(20131)
    for statement in STATEMENTS:
        for _ in range(3):
            cut = statement[: chance.randint(0, len(statement))]
            assert is_answered(cut), cut


def test_statements_with_tokens_dropped_and_doubled_are_answered() -> None:
    chance = random.Random(20132)
    for statement in STATEMENTS:
        try:
            tokens = [token.text for token in lexer.tokens(statement)]
        except lexer.LexError:
            continue
        mixed = " ".join(token for token in tokens for _ in range(chance.choice((0, 1, 1, 1, 2))))
        assert is_answered(mixed), mixed


def test_a_question_answered_with_any_columns_leads_to_an_end() -> None:
    for statement in STATEMENTS:
        for columns in (None, COLUMNS, ()):
            assert comes_to_an_end(statement, columns), f"asks without end: {statement}"


def comes_to_an_end(statement, columns):
    known = {}
    for _ in range(MOST_QUESTIONS):
        try:
            functions.rewrite(statement, known)
        except functions.NeedColumns as need:
            known[need.query] = columns
        except (functions.Refused, lexer.LexError):
            return True
        else:
            return True
    return False


def test_lists_with_nothing_in_them_are_answered() -> None:
    for sql in ("select * exclude (price, , ) from t", "select lag() ignore nulls over (order by a) from t"):
        assert is_answered(sql)
        assert is_answered(sql, {"SELECT * from t": COLUMNS[-1:]})
