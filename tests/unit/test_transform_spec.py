"""A transform file is valid, or the error says why not in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import transform_spec
from redshift_etl.contracts.csv_format import CsvFormat
from redshift_etl.errors import ConfigError

SELECT = "SELECT a FROM raw"


def test_columns_are_typed_and_in_order() -> None:
    parsed = transform_spec.parse(f"/*\ncolumns:\n  b: INTEGER\n  a b: VARCHAR\n  c: DECIMAL(4, 2)\n*/\n{SELECT};")
    assert {name: str(kind) for name, kind in parsed.columns.items()} == {
        "b": "INTEGER",
        "a b": "VARCHAR(256)",
        "c": "DECIMAL(4,2)",
    }
    assert list(parsed.columns) == ["b", "a b", "c"]
    assert parsed.select == SELECT


def test_a_list_of_columns_is_all_text() -> None:
    parsed = transform_spec.parse(f"/*\ncolumns: [x, y]\n*/\n{SELECT}")
    assert {kind.name for kind in parsed.columns.values()} == {"VARCHAR"}


def test_what_the_extract_knows_is_no_field_of_the_answer() -> None:
    parsed = transform_spec.parse(f"/*\nformat: columnar_json\nabout: [place]\ncolumns: [place, time]\n*/\n{SELECT}")
    assert (parsed.format, parsed.about, parsed.arrays) == ("columnar_json", ("place",), ("time",))


def test_a_file_is_standard_csv_unless_the_front_matter_says_otherwise() -> None:
    assert transform_spec.parse(f"/*\ncolumns: [x]\n*/\n{SELECT}").csv == CsvFormat(",", '"', "utf-8", "exact")
    matter = 'delimiter: "\\t"\nquote: ""\nencoding: Windows-1252\nheader: false'
    parsed = transform_spec.parse(f"/*\ncolumns: [x]\n{matter}\n*/\n{SELECT}")
    assert parsed.csv == CsvFormat("\t", "", "cp1252", "none")
    for name in ("utf8", "UTF-8", "utf-8-sig"):
        assert transform_spec.parse(f"/*\ncolumns: [x]\nencoding: {name}\n*/\n{SELECT}").csv.encoding == "utf-8"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"/*\ncolumns: [a]\ndelimiter: '||'\n*/\n{SELECT}", "delimiter"),
        (f"/*\ncolumns: [a]\ndelimiter: ''\n*/\n{SELECT}", "delimiter"),
        (f"/*\ncolumns: [a]\nquote: ','\n*/\n{SELECT}", "quote"),
        (f'/*\ncolumns: [a]\nquote: "\\n"\n*/\n{SELECT}', "quote"),
        (f"/*\ncolumns: [a]\nencoding: klingon\n*/\n{SELECT}", "klingon"),
        (f"/*\ncolumns: [a]\nencoding: base64\n*/\n{SELECT}", "base64"),
        (f"/*\ncolumns: [a]\nheader: maybe\n*/\n{SELECT}", "exact, by_name, none"),
        (f"/*\ncolumns: [a]\nformat: columnar_json\ndelimiter: ;\n*/\n{SELECT}", "is for CSV files"),
        (f"/*\ncolumns: [a]\ncolour: red\n*/\n{SELECT}", "colour"),
        (f"/*\nabout: [a]\n*/\n{SELECT}", "`columns` must name"),
        (f"/*\ncolumns: []\n*/\n{SELECT}", "`columns` must name"),
        (f"/*\nformat: columnar_json\ncolumns: [a]\nabout: [b]\n*/\n{SELECT}", "`about` names b"),
        (f"/*\ncolumns: [a]\nabout: [a]\n*/\n{SELECT}", "is for columnar_json"),
        (f"/*\ncolumns: [a]\nformat: avro\n*/\n{SELECT}", "csv, json_lines, parquet, columnar_json"),
        (f"/*\ncolumns: [a]\nformat: parquet\nheader: none\n*/\n{SELECT}", "`header` is for CSV files"),
        (f"/*\ncolumns:\n  a: INTERVAL\n*/\n{SELECT}", "column a has type"),
        ("/*\ncolumns: [a]\n*/\nWITH x AS (SELECT 1) SELECT a FROM raw", "one plain SELECT"),
        (SELECT, "front matter"),
    ],
)
def test_a_transform_that_does_not_hold_together_is_refused(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        transform_spec.parse(text)


def test_each_core_table_of_the_repository_has_a_sound_transform() -> None:
    contracts.load.cache_clear()
    tables = [table for table in contracts.all_tables() if table.startswith("core.")]
    assert tables
    for table in tables:
        assert transform_spec.load(contracts.load(table)).columns


def test_a_missing_transform_names_the_file_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts.load.cache_clear()
    airlines = contracts.load("core.airlines")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match=r"transform/airlines\.sql"):
        transform_spec.load(airlines)
