"""Lineage of columns and tables, and what is declared held against the SQL that is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.transform_spec import parse as parse_spec
from redshift_etl.lineage import graph as lineage
from redshift_etl.lineage.columns import Kind, Origin, tables_read, trace
from redshift_etl.lineage.graph import Edge, Fill, Graph

T = {"a.t": {"k": "int", "x": "int", "y": "int"}, "a.u": {"k": "int", "z": "int"}}


def came(select: str, column: str) -> set[tuple[str, str]]:
    """The origins of a column as ("t.x", kind)."""
    origins = trace(select, T, "redshift").columns[column]
    return {(f"{origin.table}.{origin.column}", origin.kind.value) for origin in origins}


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("SELECT x AS c FROM a.t", {("a.t.x", "IDENTITY")}),
        ("SELECT x + y AS c FROM a.t", {("a.t.x", "TRANSFORMATION"), ("a.t.y", "TRANSFORMATION")}),
        ("SELECT SUM(x) AS c FROM a.t GROUP BY k", {("a.t.x", "AGGREGATION")}),
        ("SELECT COUNT(*) AS c FROM a.t", set()),
        ("SELECT c FROM (SELECT x AS c FROM a.t) AS s", {("a.t.x", "IDENTITY")}),
        ("WITH s AS (SELECT x + 1 AS c FROM a.t) SELECT c FROM s", {("a.t.x", "TRANSFORMATION")}),
        ("SELECT SUM(c) AS c FROM (SELECT x AS c FROM a.t) AS s", {("a.t.x", "AGGREGATION")}),
        ("SELECT x AS c FROM a.t UNION ALL SELECT z FROM a.u", {("a.t.x", "IDENTITY"), ("a.u.z", "IDENTITY")}),
        ("SELECT z AS c FROM a.t JOIN a.u ON t.k = u.k", {("a.u.z", "IDENTITY")}),
        (
            "SELECT (SELECT MAX(z) FROM a.u WHERE u.k = t.k) AS c FROM a.t",
            {("a.u.z", "AGGREGATION"), ("a.u.k", "AGGREGATION"), ("a.t.k", "AGGREGATION")},
        ),
    ],
    ids=[
        "as it is",
        "two columns",
        "sum",
        "count",
        "subquery",
        "CTE",
        "sum of one",
        "union",
        "join",
        "scalar subquery",
    ],
)
def test_a_column_is_followed_to_the_columns_of_tables(select: str, expected: set[tuple[str, str]]) -> None:
    assert came(select, "c") == expected


def test_columns_that_choose_the_rows_are_told_apart_from_those_that_give_values() -> None:
    found = trace("SELECT SUM(y) AS s FROM a.t JOIN a.u ON t.k = u.k WHERE z > 1 GROUP BY x", T, "redshift").rows
    assert set(found) == {
        Origin("a.t", "k", Kind.JOIN),
        Origin("a.u", "k", Kind.JOIN),
        Origin("a.u", "z", Kind.FILTER),
        Origin("a.t", "x", Kind.GROUP_BY),
    }


@pytest.mark.parametrize(
    ("select", "reason"),
    [
        ("SELECT FROM WHERE", "not valid SQL"),
        ("DELETE FROM a.t", "not a SELECT"),
        ("SELECT * FROM a.elsewhere", "needs a name"),
        ("SELECT nowhere AS c FROM a.t", "cannot be traced"),
        ("SELECT k AS c FROM a.t, a.u", "cannot be traced"),
    ],
    ids=["nonsense", "not a query", "star of an unknown table", "unknown column", "ambiguous"],
)
def test_sql_that_cannot_be_followed_is_refused_with_a_sentence(select: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        trace(select, T, "redshift")


def test_the_tables_read_leave_out_what_the_query_names_itself() -> None:
    select = "WITH s AS (SELECT * FROM a.t) SELECT * FROM s JOIN a.u ON s.k = u.k WHERE k IN (SELECT k FROM a.v)"
    assert tables_read(select, "redshift") == {"a.t", "a.u", "a.v"}


def test_a_table_is_followed_through_its_transform_and_its_extract_to_the_source() -> None:
    fill = Fill(
        table="core.t",
        path=Path("t.sql"),
        dialect=lineage.DUCKDB,
        select="SELECT id, cents / 100 AS amount FROM raw",
        declared=("shop.public.orders",),
        raw={"id": "BIGINT", "cents": "BIGINT"},
        extract="SELECT order_id AS id, net + tax AS cents FROM orders WHERE changed >= %(start)s",
    )
    found = lineage.columns_of(fill, {}).columns
    source = "shop.public.orders"
    assert found["id"] == (Origin(source, "order_id", Kind.IDENTITY),)
    assert found["amount"] == (
        Origin(source, "net", Kind.TRANSFORMATION),
        Origin(source, "tax", Kind.TRANSFORMATION),
    )


def test_a_quoted_column_of_mixed_case_is_followed_to_the_source() -> None:
    fill = Fill(
        table="core.t",
        path=Path("t.sql"),
        dialect=lineage.DUCKDB,
        select='SELECT "customerEmail" AS customer_email, upper(CustomerEmail) AS loud FROM raw WHERE "ID" > 1',
        declared=("shop.public.orders",),
        raw={"customerEmail": "VARCHAR", "ID": "INTEGER"},
        extract='SELECT "customerEmail", id AS "ID" FROM orders',
    )
    found = lineage.columns_of(fill, {})
    source = "shop.public.orders"
    assert found.columns["customer_email"] == (Origin(source, "customerEmail", Kind.IDENTITY),)
    assert found.columns["loud"] == (Origin(source, "customerEmail", Kind.TRANSFORMATION),)
    assert found.rows == (Origin(source, "id", Kind.FILTER),)


def test_upstream_and_downstream_reach_everything_once_nearest_first_also_in_a_circle() -> None:
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("b", "d"), Edge("c", "e"), Edge("d", "e"), Edge("e", "b")]
    graph = Graph(frozenset("abcde"), frozenset(edges))
    assert graph.downstream("a") == ("b", "c", "d", "e")
    assert graph.upstream("c") == ("b", "a", "e", "d")
    assert graph.inputs("e") == ("c", "d")


# What is declared, against what is run.

TABLES = contracts.all_tables()
FILLS = {table: fill for table in TABLES if (fill := lineage.fill_of(contracts.load(table)))}
COLUMNS = {table: {it.name: str(it.type) for it in contracts.load(table).columns} for table in TABLES}


def test_every_table_outside_of_bookkeeping_is_filled_by_sql_of_the_repository() -> None:
    assert {table for table in TABLES if not table.startswith("etl.")} == set(FILLS)


@pytest.mark.parametrize("table", sorted(FILLS))
def test_the_inputs_in_the_front_matter_are_what_the_sql_reads(table: str) -> None:
    assert set(FILLS[table].declared) == FILLS[table].reads()


@pytest.mark.parametrize("table", sorted(FILLS))
def test_the_sql_gives_the_contract_s_columns_and_knows_where_each_comes_from(table: str) -> None:
    found = lineage.columns_of(FILLS[table], COLUMNS)
    filled = [it.name for it in contracts.load(table).columns if it.name in found.columns or not it.may_be_left_out]
    assert list(found.columns) == filled
    assert found.tables <= FILLS[table].reads()
    for origin in (it for origins in found.columns.values() for it in origins):
        assert origin.table not in COLUMNS or origin.column in COLUMNS[origin.table]


@pytest.mark.parametrize("table", sorted(table for table, fill in FILLS.items() if fill.extract))
def test_the_extract_gives_the_raw_columns_that_the_transform_reads(table: str) -> None:
    fill = FILLS[table]
    assert list(lineage.extracted(fill).columns) == list(fill.raw)
    assert fill.raw.keys() == parse_spec(fill.path.read_text(encoding="utf-8")).columns.keys()
