"""The sizes of DECIMALs that arithmetic returns: the rules, the rewritten SQL, and the results of a session."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from local_redshift.query.decimals.types import (
    BIGINT,
    FLOAT,
    INTEGER,
    NULL,
    SMALLINT,
    Number,
    arithmetic,
    combined,
    decimal,
    of_literal,
)
from local_redshift.query.rewrite import rewrite
from local_redshift.sql.token_tree import Column, NeedColumns

PRICE = decimal(8, 2)


@pytest.mark.parametrize(
    ("left", "sign", "right", "expected"),
    [
        (PRICE, "/", PRICE, decimal(17, 9)),  # the example of r_numeric_computations201
        (PRICE, "*", SMALLINT, decimal(14, 2)),
        (PRICE, "+", decimal(10, 4), decimal(11, 4)),
        (decimal(19, 0), "/", decimal(19, 0), decimal(38, 19)),
        (decimal(19, 2), "/", decimal(38, 19), decimal(38, 4)),
        (decimal(38, 2), "*", decimal(38, 2), decimal(38, 4)),
        (SMALLINT, "/", BIGINT, BIGINT),
        (PRICE, "/", FLOAT, FLOAT),
        (INTEGER, "^", INTEGER, FLOAT),
        (PRICE, "/", None, None),
        (PRICE, "/", NULL, None),
    ],
)
def test_arithmetic_has_the_type_of_the_developer_guide(
    left: Number, sign: str, right: Number | None, expected: Number | None
) -> None:
    assert arithmetic(sign, left, right) == expected


def test_a_quotient_has_no_type_where_the_guide_does_not_define_the_divisors_precision() -> None:
    assert of_literal("0.5") == Number("decimal", (1, 2), 1)
    assert arithmetic("/", decimal(8, 6), of_literal("0.5")) is None
    quotient = arithmetic("/", INTEGER, of_literal("0.5"))
    assert quotient is not None
    assert quotient.scale == 4
    assert arithmetic("/", PRICE, combined([PRICE, INTEGER])) is None


def rewritten(sql: str, **types: tuple[int, int]) -> str:
    """Rewrite; each request for a column returns its (type id, modifier)."""
    known: dict[str, tuple[Column, ...] | None] = {}
    while True:
        try:
            return rewrite(sql, known)
        except NeedColumns as need:
            name = need.query.split()[1].strip("()")
            known[need.query] = (Column(name, *types[name]),) if name in types else None


DECIMAL_8_2 = (1700, (8 << 16 | 2) + 4)


def test_only_quotients_of_decimals_are_touched() -> None:
    integers = {"a": (23, -1), "b": (20, -1)}
    for sql in (
        "select a / b from t",
        "select a from t where a / b > 1 and c like 'x/y'",
        "select count(*) from t -- a / b",
    ):
        assert rewritten(sql, **integers) == sql
    assert "quotient(a, b, 9)" in rewritten("select a / b from t", a=DECIMAL_8_2, b=DECIMAL_8_2)


def test_what_cannot_be_parsed_is_unchanged() -> None:
    for sql in (
        "select |/ 25 / a from t",
        "select a / from t",
        "select / a from t",
        "select case when a / b then 1 from t",
    ):
        assert rewritten(sql, a=DECIMAL_8_2, b=DECIMAL_8_2) == sql


@pytest.fixture
def sales(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A connection, with a table of prices."""
    connection.execute("create table sales (price decimal(8,2), paid decimal(8,2), quantity int)")
    connection.execute("insert into sales values (10, 3, 7)")
    return connection


def test_columns_keep_their_names(sales: psycopg.Connection[Any]) -> None:
    query = """select price / paid, (price / paid)::int, sum(price / paid) over (partition by 1),
        case when true then price / paid end, -(price / paid), round(price / paid, 2),
        price / paid as share, price from sales"""
    description = sales.execute(query).description
    assert description is not None
    assert [column.name for column in description] == [
        "?column?",
        "int4",
        "sum",
        "case",
        "?column?",
        "round",
        "share",
        "price",
    ]


def test_writes_cut_quotients_as_selects_do(sales: psycopg.Connection[Any]) -> None:
    sales.execute("create table shares (share decimal(38,20))")
    sales.execute("insert into shares select price / paid from sales")
    sales.execute("insert into shares values (2.0 / 3)")
    sales.execute("update shares set share = s.paid / s.price from sales s where share < s.paid / s.price * 3")
    found = sales.execute("select share::varchar from shares order by 1").fetchall()
    assert found == [("0.30000000000000000000",), ("3.33333333300000000000",)]
    sales.execute("delete from shares using sales where shares.share = sales.price / sales.paid")
    assert sales.execute("select count(*) from shares").fetchone() == (1,)


def test_views_of_a_query_preserve_the_size(sales: psycopg.Connection[Any]) -> None:
    sales.execute(
        "create view totals as select sum(price) as total, price - paid as rest from sales group by price, paid"
    )
    assert sales.execute("select (total / rest)::varchar from totals").fetchone() == ("1.4285",)


def test_a_quotient_of_unknown_scale_is_refused_unless_four_digits_are_exact(sales: psycopg.Connection[Any]) -> None:
    assert sales.execute("select round(price, 1) / 4 from sales").fetchone() == (Decimal("2.5"),)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match=r"scale of this quotient.*cast both sides"):
        sales.execute("select price / round(paid, 1) from sales")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="scale of this quotient"):
        sales.execute("select price / %s from sales", [Decimal("7.0")])


def test_a_failed_transaction_still_reports_that_it_is_aborted(sales: psycopg.Connection[Any]) -> None:
    sales.autocommit = False
    with pytest.raises(psycopg.errors.UndefinedTable):
        sales.execute("select 1 from nowhere")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        sales.execute("select price / paid from sales")
    sales.rollback()


NESTED = (("coalesce(", ", 1)"), ("case when true then (", ") end"), ("(", ")"), ("sum(-", ")"))


def test_deep_nesting_is_read_once_a_level() -> None:
    for begin, end in NESTED:
        sql = f"select {begin * 40}a / b{end * 40} from t"
        assert "quotient(" in rewritten(sql, a=DECIMAL_8_2, b=DECIMAL_8_2)


def test_what_is_nested_too_deep_is_unchanged() -> None:
    for begin, end in NESTED:
        sql = f"select {begin * 149}a / b{end * 149} from t"
        assert rewritten(sql, a=DECIMAL_8_2, b=DECIMAL_8_2).endswith(f"{end * 149} from t")
