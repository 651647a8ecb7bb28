"""The lexer and PostgreSQL agree on where literals, comments and statements end, for any text.

PL/pgSQL reads a statement that it does not know by PostgreSQL's own scanner up to the semicolon, without a grammar. So
a DO block with a random text and a RAISE after it tells whether PostgreSQL is outside of literals and comments there.
"""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from local_redshift.sql.lexer import LexError, marks, split, tokens
from local_redshift.testing.pytest_plugin import RedshiftServer

PIECES = [
    *("'", "''", "\\", "\\'", "\\\\", '"', '""', "$$", "$a$", "$a", "$", "$1", "a$$", "a$a$", "1$$", "_$", "é$$", "é"),
    *("--", "-", "/*", "*/", "/", "*", "/*/", "**/", "\n", "\r", "\t", "\f", "\v", " ", "\u00a0", "\u2028", "\u0085"),
    *("E'", "e'", "b'", "B'", "x'", "X'", "N'", "n'", "ab'", "1b'", "u&'", "U&'", 'U&"', "u&", "&", "😀", "😀$$"),
    *("select", "x", "1", "0", "1.", ".5", "1e", "+", "<", "||", "::", "=", ",", "#", "@", "?", "~", "!", "|"),
    *("\x1c", "\x01", "\u3000", "ﬀ", "x'41'\n'", "'a'\n'b'", "e'a'\n'", "'a' --c\n'", "$a$b$", "$é$", "$1$"),
]
SOUPS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
UNTERMINATED = re.compile("unterminated")
# Redshift has no such literals, so the lexer refuses them; PostgreSQL takes the identifiers.
UNICODE_QUOTED = re.compile("""u&['"]""", re.IGNORECASE)


@pytest.fixture(scope="module")
def scanner(redshift_server: RedshiftServer) -> Iterator[psycopg.Connection[Any]]:
    options = redshift_server.config.admin()
    with psycopg.connect(options, autocommit=True) as connection:
        connection.execute("set standard_conforming_strings to off")
        connection.execute("set escape_string_warning to off")
        connection.execute("set check_function_bodies to off")
        yield connection


def ends_outside(scanner: psycopg.Connection[Any], text: str) -> bool | None:
    """Whether PostgreSQL is outside of literals and comments after the text; None where it refuses a token of it."""
    block = f"begin if false then select x , {text}\n; end if; raise exception 'outside'; end"
    try:
        scanner.execute(f"do $redshift_agrees$ {block} $redshift_agrees$".encode())
    except psycopg.errors.RaiseException:
        return True
    except psycopg.Error as error:
        return False if UNTERMINATED.search(str(error)) else None
    raise AssertionError(text)


def reads(text: str) -> bool:
    try:
        list(tokens(text))
    except LexError:
        return False
    return True


def agree(scanner: psycopg.Connection[Any], text: str) -> None:
    outside = ends_outside(scanner, text)
    if outside is None:
        return
    read = reads(f"select x , {text}\n")
    if read != outside and not UNICODE_QUOTED.search(text):
        assert outside, text
        with pytest.raises(psycopg.errors.SyntaxError):  # a $ of its own, which is never a part of a statement
            scanner.execute(f"select 1 , {text}".encode())
    if not read or not outside:
        return
    # A semicolon after it ends the statement, and one anywhere inside a literal does not.
    whole = f"select x , {text}\n;select 2"
    if reads(whole):
        assert split(whole) == [f"select x , {text}\n", "select 2"]
        ends = {(token.start, token.end) for token in tokens(whole) if token.kind in ("string", "quoted")}
        found = {(start, end) for start, end in marks(whole) if whole[start] in "'\"$"}
        prefixes = {start + len(re.match(r"[A-Za-z]*", whole[start:])[0]) for start, _ in ends}  # type: ignore[index]
        assert {start for start, _ in found} == prefixes
        assert {end for _, end in found} == {end for _, end in ends}


EXAMPLES = [
    "b'\\'",
    "x'\\'",
    "x'41'\n'\\'",
    "x'41' --c\n '\\'",
    "a$$ , b$$",
    "a$$';'",
    "1$$';'$$",
    "-- c\r'",
    "-- c\r 1",
    "😀$$",
    "\u00a0'",
    "é$$'é$$'",
    "/*/*/ */",
    "/* /* */ */ '",
    "U&'\\'",
    "$é$ ' $é$",
    "#x'\\'",
    "#ab'\\''",
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_known_texts(scanner: psycopg.Connection[Any], text: str) -> None:
    agree(scanner, text)


QUICK = settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(text=SOUPS)
@example("")
@QUICK
def test_any_text(scanner: psycopg.Connection[Any], text: str) -> None:
    agree(scanner, text)


@pytest.mark.slow
@given(text=st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@settings(QUICK, max_examples=4_000, derandomize=False)
def test_any_longer_text(scanner: psycopg.Connection[Any], text: str) -> None:
    agree(scanner, text)
