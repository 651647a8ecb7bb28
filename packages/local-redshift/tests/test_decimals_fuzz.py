"""Random arithmetic over columns of all numeric types: values and scales are those of an evaluation by hand."""

import random
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import psycopg

from local_redshift.query.decimals.types import BIGINT, INTEGER, SMALLINT, Number, arithmetic, decimal

EXPRESSIONS = 150
DIGITS = Context(prec=80)
INTEGERS = {SMALLINT: "smallint", INTEGER: "int", BIGINT: "bigint"}
COLUMNS = {
    "price": (decimal(8, 2), "12.34"),
    "rate": (decimal(6, 5), "-0.12345"),
    "total": (decimal(19, 0), "987654321"),
    "small": (SMALLINT, "7"),
    "number": (INTEGER, "-31"),
    "large": (BIGINT, "123456789"),
}


Term = tuple[str, Number | None, Fraction | None]


def leaf(rng: random.Random) -> tuple[str, Number, Fraction]:
    if rng.random() < 0.2:
        text = f"{rng.randint(1, 99)}.{rng.randint(0, 999)}"
        whole, fraction = text.split(".")
        return text, decimal(len(whole) + len(fraction), len(fraction)), Fraction(text)
    name = rng.choice(list(COLUMNS))
    number, value = COLUMNS[name]
    return name, number, Fraction(value)


def expression(rng: random.Random, depth: int) -> Term:
    """Return SQL, type and value of a random expression; None for the last two when its value is not defined."""
    if depth == 0 or rng.random() < 0.2:
        return leaf(rng)
    (a, left, x), (b, right, y) = expression(rng, depth - 1), expression(rng, depth - 1)
    sign = rng.choice("+-*//")
    sql = f"({a}) {sign} ({b})"
    if left is None or right is None or x is None or y is None or (sign == "/" and y == 0):
        return sql, None, None
    number = arithmetic(sign, left, right)
    assert number is not None, sql
    value = {"+": x.__add__, "-": x.__sub__, "*": x.__mul__, "/": x.__truediv__}[sign](y)
    if sign == "/":
        value = Fraction(int(value * 10**number.scale), 10**number.scale)
    fits = abs(value) * 10**number.scale < 10**18 and number.scale <= 30
    return (sql, number, value) if fits else (sql, None, None)


def without_needless_parentheses(sql: str) -> str:
    """`(price) * (small)` is `price * small`: precedence must do what parentheses did."""
    for name in (*COLUMNS, *(part.strip("()") for part in sql.split() if "." in part)):
        sql = sql.replace(f"({name})", name)
    return sql


def test_random_arithmetic_has_the_value_and_the_scale_of_its_types(connection: psycopg.Connection[Any]) -> None:
    columns = ", ".join(
        f"{name} {number.sql if number.kind == 'decimal' else INTEGERS[number]}"
        for name, (number, _) in COLUMNS.items()
    )
    connection.execute(f"create table numbers ({columns})")
    connection.execute(f"insert into numbers values ({', '.join(value for _, value in COLUMNS.values())})")
    rng, seen = random.Random(1), 0
    while seen < EXPRESSIONS:
        sql, number, value = expression(rng, 3)
        if number is None or "/" not in sql:
            continue
        seen += 1
        row = connection.execute(f"select {without_needless_parentheses(sql)} from numbers").fetchone()
        assert row is not None
        assert Fraction(row[0]) == value, sql
        if number.kind == "decimal":
            assert Decimal(row[0]).as_tuple().exponent == -number.scale, sql


def test_precedence_without_any_parentheses(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table one (a decimal(8,2), b decimal(8,2), c int)")
    connection.execute("insert into one values (10, 3, 7)")
    query = "select (a / b * c)::varchar, (a - b / c)::varchar, (-a / -b)::varchar, (a * b / c / a)::varchar from one"
    found = connection.execute(query)
    assert found.fetchone() == ("23.333333331", "9.5714285714286", "3.333333333", "0.4285714285714285000000")
