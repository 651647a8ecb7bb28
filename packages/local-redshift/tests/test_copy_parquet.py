"""COPY Parquet: columns by position, types that fit, NULL."""

import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tests.copy_loader import Loader, fails_with


def parquet(sql: str) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        duckdb.sql(f"copy ({sql}) to '{file.name}' (format parquet)")
        return Path(file.name).read_bytes()


def test_parquet_maps_columns_by_position_and_distinguishes_null_from_the_null_marker(loader: Loader) -> None:
    loader.run("create table t (a int, b varchar(20), c decimal(8,2), d timestamp, e bool, f float8, g date)")
    rows = (
        r"(1, 'x,\"y\"', 1.25, '2020-01-02 03:04:05', true, 0.1, '2020-01-02'), "
        r"(2, '\N', null, null, null, null, null), "
        r"(3, '', 0, null, false, 1e300, null), (4, null, 0, null, false, 1, null)"
    )
    query = (
        f"select a::int, b, c::decimal(8,2), d::timestamp, e, f::double, g::date from (values {rows}) t(a,b,c,d,e,f,g)"
    )
    found = loader.copy(parquet(query), "format as parquet")
    assert [row[1] for row in found] == [r"x,\"y\"", r"\N", "", None]
    assert [str(value) for value in found[0][2:]] == ["1.25", "2020-01-02 03:04:05", "True", "0.1", "2020-01-02"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select 1::int a", "Unmatched number of columns"),
        ("select 1::bigint a, 'x' b", "incompatible Parquet schema for column 'a'"),
    ],
)
def test_parquet_whose_columns_do_not_match_is_refused(loader: Loader, query: str, message: str) -> None:
    loader.run("create table t (a int, b varchar(3))")
    with fails_with(message):
        loader.copy(parquet(query), "parquet")
    with fails_with("invalid Parquet"):
        loader.copy("not parquet", "parquet")
    assert loader.run("select count(*) from t") == [(0,)]


def test_a_decimal_of_another_scale_is_refused_and_not_rounded(loader: Loader) -> None:
    loader.run("create table t (a decimal(8,2))")
    with fails_with("incompatible Parquet schema"):
        loader.copy(parquet("select 1.239::decimal(8,3) a"), "parquet")
    assert loader.copy(parquet("select 1.23::decimal(5,2) a"), "parquet")[0][0] == Decimal("1.23")


def test_parquet_takes_the_default_of_maxerror_and_explicit_ids_but_no_region(loader: Loader) -> None:
    loader.run("create table t (id bigint identity(1, 1), a int)")
    body = parquet("select 5::bigint id, 1::int a")
    assert loader.copy(body, "parquet explicit_ids maxerror 0") == [(5, 1)]
    for option in ("maxerror 10", "maxerror 1", "region 'us-east-1'", "acceptanydate", "ignoreallerrors"):
        with fails_with(f"{option.split()[0].upper()} argument is not supported for PARQUET based COPY"):
            loader.copy(body, f"parquet explicit_ids {option}")
    with fails_with("ACCEPTINVCHARS for Parquet is not modelled"):
        loader.copy(body, "parquet acceptinvchars")
