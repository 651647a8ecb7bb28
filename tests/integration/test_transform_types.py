"""Which text becomes which Redshift value: strict where DuckDB's own casts are lax."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshift_etl.errors import SourceError
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from tests.integration.raw_files import raw, rejects, staged, transform, use_sql_dir

GOOD = {
    "SMALLINT": {"32767": "32767", "-32768": "-32768", "+7": "7"},
    "INTEGER": {"0": "0", "007": "7", "-2147483648": "-2147483648"},
    "BIGINT": {"9223372036854775807": "9223372036854775807"},
    "DECIMAL(6, 2)": {"1.5": "1.50", "-1234.56": "-1234.56", "1.50000": "1.50", ".5": "0.50", "7": "7.00"},
    "DOUBLE PRECISION": {"10.357019999999999": "10.357019999999999", "1e-5": "1e-05", "-3": "-3.0"},
    "BOOLEAN": {"true": "true", "F": "false", "1": "true"},
    "DATE": {"2012-02-29": "2012-02-29"},
    "TIMESTAMP": {
        "2013-01-01 23:59:59.999999": "2013-01-01 23:59:59.999999",
        "2013-01-01T06:00": "2013-01-01 06:00:00",
    },
    "TIMESTAMPTZ": {
        "2013-01-01 01:00:00+09": "2012-12-31 16:00:00+00",
        "2013-01-01T01:00:00Z": "2013-01-01 01:00:00+00",
    },
    "CHAR(3)": {"abc": "abc", "": ""},
    "VARCHAR(6)": {"대한": "대한", " x ": " x "},
    "SUPER": {'{"a":[1]}': '{"a":[1]}'},
    "TIME": {"12:00": "12:00:00", "23:59:59.999999": "23:59:59.999999"},
    "TIMETZ": {"12:00:00+02": "12:00:00+02", "12:00:00.5-0330": "12:00:00.5-03:30"},
    "VARBYTE(2)": {"6162": "6162", "\\xaF": "aF"},
}
BAD = {
    "SMALLINT": ["32768", "1.0"],
    "INTEGER": ["1.5", "1e5", "0x10", "1_000", "2147483648", "one", " 1", ""],
    "BIGINT": ["9223372036854775808", "NA"],
    "DECIMAL(6, 2)": ["1.505", "12345.6", "1e2", "1,5", "nan"],
    "DOUBLE PRECISION": ["inf", "NaN", "1e400", "0x1p3", "1.2.3"],
    "BOOLEAN": ["maybe", "2"],
    "DATE": ["2013-02-29", "2013-1-1", "01/02/2013", "2013-01-01 00:00:00", "infinity"],
    "TIMESTAMP": [
        "2013-01-01 24:00:00",
        "2013-01-01 00:00:00+09",
        "2013-02-30 00:00",
        "infinity",
        "2013-01-01",
        "12:00",
    ],
    "TIMESTAMPTZ": ["2013-01-01 00:00:00", "2013-01-01 25:00:00Z"],
    "CHAR(3)": ["abcd", "é"],
    "VARCHAR(6)": ["대한민", "seven77"],
    "SUPER": ["{", "'a'"],
    "TIME": ["24:00", "12", "12:00:00+02", "2013-01-01 12:00:00"],
    "TIMETZ": ["12:00:00", "12:00:00 Europe/Berlin"],
    "VARBYTE(2)": ["", "6", "6g", "616263", "0x61"],
}


@pytest.mark.parametrize("layer", ["source", "contract"])
def test_good_text_becomes_the_value_and_bad_text_is_set_aside(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str
) -> None:
    columns = {f"c{n}": kind for n, kind in enumerate(GOOD)}
    declared = "\n".join(f"  {name}: {kind if layer == 'source' else 'VARCHAR'}" for name, kind in columns.items())
    sql = f"/*\ncolumns:\n  id: INTEGER\n{declared}\n*/\nSELECT * FROM raw"
    ddl = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    bad = [(name, value) for name, kind in columns.items() for value in BAD[kind]]
    good = [(name, text, value) for name, kind in columns.items() for text, value in GOOD[kind].items()]
    table = use_sql_dir(tmp_path, monkeypatch).table(layer, f"id INTEGER, {ddl}", sql, max_rejects=len(bad))
    given = [*((name, text) for name, text, _ in good), *bad]
    text = ",".join(["id", *columns]) + "\n"
    for number, (name, value) in enumerate(given):
        quoted = '"' + value.replace('"', '""') + '"'
        text += ",".join([str(number), *(quoted if column == name else "" for column in columns)]) + "\n"
    batch = transform(lake, raw(lake, table, text))
    found = [(list(columns)[at - 1], row[at]) for row in rows_by_id(lake, batch) for at in [not_null(row)]]
    assert found == [(name, value) for name, _, value in good]
    assert [(reject["column"], reject["value"]) for reject in rejects(lake, batch)] == bad


def rows_by_id(lake: Lake, batch: Batch) -> list[list[str | None]]:
    return sorted(staged(lake, batch), key=lambda row: int(row[0] or 0))


def not_null(row: list[str | None]) -> int:
    """Where the one value beside the id is."""
    [at] = [n for n, value in enumerate(row) if n and value is not None]
    return at


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("id + 0.5", "INTEGER"),
        ("id * 100000", "SMALLINT"),
        ("1.0 / 3 + id", "DECIMAL(6, 2)"),
        ("TIMESTAMP '2013-01-01 12:00' + to_days(id)", "DATE"),
        ("'infinity'::TIMESTAMP", "TIMESTAMP"),
        ("'nan'::DOUBLE", "DOUBLE PRECISION"),
        ("repeat('x', id + 3)", "VARCHAR(3)"),
        ("NULL::INTEGER", "INTEGER NOT NULL"),
        ("'abc'::BLOB", "VARBYTE(2)"),
        ("''::BLOB", "VARBYTE(2)"),
    ],
)
def test_a_computed_value_that_does_not_fit_without_loss_is_refused(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expression: str, kind: str
) -> None:
    sql = f"/*\ncolumns:\n  id: INTEGER\n*/\nSELECT id, {expression} AS v FROM raw"
    table = use_sql_dir(tmp_path, monkeypatch).table("computed", f"id INTEGER, v {kind}", sql)
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, table, "id\n1\n"))
    assert error.value.where["column"] == "v"


def test_null_passes_every_type(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{n}" for n in range(len(GOOD))]
    declared = ", ".join(f"{name} {kind}" for name, kind in zip(names, GOOD, strict=True))
    sql = f"/*\ncolumns: [id, {', '.join(names)}]\n*/\nSELECT id, {', '.join(names)} FROM raw"
    table = use_sql_dir(tmp_path, monkeypatch).table("nulls", f"id INTEGER, {declared}", sql)
    batch = transform(lake, raw(lake, table, f"id,{','.join(names)}\n1{',' * len(names)}\n"))
    assert staged(lake, batch) == [["1", *[None] * len(names)]]
