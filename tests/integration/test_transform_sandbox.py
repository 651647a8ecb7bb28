"""What the SQL of a transform can reach: the task's own files, and nothing else of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.lake.storage import Lake
from tests.integration.raw_files import SqlDir, raw, rejects, staged, transform, use_sql_dir

HEAD = "/*\ncolumns: {id: INTEGER, item: VARCHAR}\n*/\n"
COLUMNS = "id INTEGER NOT NULL, item VARCHAR(60000)"
ROWS = "id,item\n1,a\n2,b\n"


@pytest.fixture
def sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlDir:
    return use_sql_dir(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "select",
    [
        "SELECT id, (SELECT content FROM read_text('/etc/passwd')) AS item FROM raw",
        "SELECT id, (SELECT content FROM read_text('/proc/self/environ')) AS item FROM raw",
        "SELECT id, (SELECT content FROM read_text('{outside}/secret.txt')) AS item FROM raw",
        "SELECT id, (SELECT content FROM read_text('../secret.txt')) AS item FROM raw",
        "SELECT id, (SELECT min(file) FROM glob('{outside}/*')) AS item FROM raw",
        "SELECT id, (SELECT Delimiter FROM sniff_csv('{outside}/secret.txt')) AS item FROM raw",
        "SELECT id, (SELECT min(content) FROM read_text('http://127.0.0.1:1/a')) AS item FROM raw",
        "SELECT id, getenv('AIRFLOW_CONN_AWS_DEFAULT') AS item FROM raw",
        "SELECT id, item FROM raw; COPY (SELECT 1) TO '{outside}/written.csv'",
        "SELECT id, item FROM raw; ATTACH '{outside}/written.csv'",
        "SELECT id, item FROM raw; INSTALL httpfs",
        "SELECT id, item FROM raw; SET enable_external_access = true",
        "SELECT id, item FROM raw) AS s; COPY (SELECT 1) TO '{outside}/written.csv'; FROM (SELECT id, item FROM raw",
        "SELECT id, item FROM raw /* ; */ ; DROP VIEW raw",
        "SELECT id, item INTO TABLE kept FROM raw",
    ],
)  # fmt: skip
def test_a_transform_reaches_its_own_rows_only(
    lake: Lake, sql_dir: SqlDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, select: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SOURCE", "postgres://reader:very-secret@source/db")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("very-secret")
    table = sql_dir.table("t", COLUMNS, HEAD + select.format(outside=outside))
    with pytest.raises(ConfigError, match=r"DuckDB refuses|does not hold together|one plain SELECT") as error:
        transform(lake, raw(lake, table, ROWS))
    assert "very-secret" not in str(error.value)
    assert not (outside / "written.csv").exists()


def test_a_folder_whose_name_is_a_pattern_is_read_itself(
    lake: Lake, sql_dir: SqlDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "it's [1-3] * ?"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    table = sql_dir.table("t", COLUMNS, HEAD + "SELECT id, item FROM raw", max_rejects="1")
    batch = transform(lake, raw(lake, table, ROWS + "three,c\n"))
    assert staged(lake, batch) == [["1", "a"], ["2", "b"]]
    assert [(found["line"], found["value"]) for found in rejects(lake, batch)] == [(4, "three")]


def test_what_a_source_sends_is_data_and_no_sql(lake: Lake, sql_dir: SqlDir, tmp_path: Path) -> None:
    written = tmp_path / "written.csv"
    attempts = [
        f"'); COPY (SELECT 1) TO '{written}'; --",
        f"\"; COPY (SELECT 1) TO '{written}'; --",
        "' || getenv('HOME') || '",
        "read_text('/etc/passwd')",
        "{{ conn.aws_default.password }}",
        "$$; ATTACH 'x'; $$",
        "%(start)s ? $1 {0}",
    ]
    table = sql_dir.table("t", COLUMNS, HEAD + "SELECT id, item FROM raw")
    quoted = ['"{}"'.format(text.replace('"', '""')) for text in attempts]
    rows = "".join(f"{number},{text}\n" for number, text in enumerate(quoted))
    batch = transform(lake, raw(lake, table, "id,item\n" + rows, rows=len(attempts)))
    assert staged(lake, batch) == [[str(number), text] for number, text in enumerate(attempts)]
    header = f"id,item,{quoted[0]}\n1,a,b\n"
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, table, header))
    assert "COPY (SELECT 1)" in str(error.value), "the header is named"
    assert not written.exists()
