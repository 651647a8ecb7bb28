"""The shapes of the statements that the product sends, and the list of those that were compared with AWS's pages."""

from __future__ import annotations

import pytest

from tests.integration.sql_shapes import PAGES, Shape, accept, compare, is_checked, read_list, shape_of


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("SELECT  a,\n  b FROM etl.x WHERE c = 'it''s' -- why", "SELECT a, … FROM etl.x WHERE c = '…'"),
        ('INSERT INTO "etl"."x" ("a", "b")\nVALUES (%s, %s), (%s, %s)', 'INSERT INTO "n" ("n", …) VALUES (%s, …), …'),
        ('SELECT 1 FROM s WHERE "a" IS NULL OR "b" IS NULL', 'SELECT 0 FROM s WHERE "n" IS NULL OR …'),
        ("CREATE TABLE core.t (a INT, b DATE) DISTSTYLE ALL", 'CREATE TABLE "n" (…)'),
        (
            'CREATE TABLE IF NOT EXISTS "a"."b" (LIKE "c"."d")',
            'CREATE TABLE IF NOT EXISTS "n" (LIKE "n")',
        ),
        ("COMMENT ON COLUMN core.t.a IS 'x; y'", "COMMENT ON COLUMN \"n\" IS '…'"),
    ],
)
def test_what_differs_from_use_to_use_is_not_part_of_a_shape(sql: str, shape: str) -> None:
    assert shape_of(sql) == shape


@pytest.mark.parametrize("other", ["SELECT a FROM t GROUP BY a", "SELECT DISTINCT a FROM t", "SELECT a::INT FROM t"])
def test_another_clause_is_another_shape(other: str) -> None:
    assert shape_of(other) != shape_of("SELECT a FROM t")


def test_a_shape_is_checked_only_with_its_page_and_its_types() -> None:
    page = f"{PAGES[0]}dg/r_COUNT.html"
    checked = {"SELECT 0": Shape("SELECT 0", {"DATE"}, {"f"}, page), "SELECT 1": Shape("SELECT 1", page="")}
    assert is_checked(Shape("SELECT 0"), checked)
    assert is_checked(Shape("SELECT 0", {"DATE"}), checked)
    assert not is_checked(Shape("SELECT 0", {"UNKNOWN"}), checked), "another type of value"
    assert not is_checked(Shape("SELECT 1"), checked), "no page"
    assert not is_checked(Shape("SELECT 2"), checked), "not on the list"


def test_an_accepted_shape_is_still_refused_until_its_page_is_written() -> None:
    sent = {"SELECT 0": Shape("SELECT 0", {"DATE"}, {"load.run"})}
    listed = accept(sent, {})
    (text,) = compare(sent, listed)
    assert "load.run" in text
    assert "Read the AWS page, then add it with its page" in text
    listed["SELECT 0"].page = f"{PAGES[0]}dg/r_COUNT.html"
    assert compare(sent, listed) == []


def test_each_shape_of_the_list_has_a_page_and_is_a_shape() -> None:
    for sql, shape in read_list().items():
        assert shape.page.startswith(PAGES), sql
        assert shape.sent_by, sql
