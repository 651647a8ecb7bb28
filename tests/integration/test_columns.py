"""Columns of anybody's tables, from the raw file to the warehouse: names, types, generated values, width."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from redshift_etl.backfill import comparison, shadow_table
from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.reconcile.compare import count_by_day
from redshift_etl.warehouse import migrate, table_changes
from redshift_etl.warehouse.catalog_query import read_tables
from redshift_etl.warehouse.session import open_session
from tests.integration.batches import RUN, LoadTarget
from tests.integration.table_pipeline import TablePipeline, pipeline

pytestmark = pytest.mark.slow

MATTER = "description: d\nowner: us\nretention: never\n"
# Every name that a statement of the transform, the checks or the load gives to something, and some that need quotes.
NAMES = (
    "_row", "_problems", "problems", "problem", "row_key", "listed", "shaped", "raw", "bad", "reason", "newest", "n",
    "references_flag", "references_name", "accepted_name", "offending", "kept", "stage", "decided", "batch", "recent",
    "mean", "loads", "staged", "candidates", "ordered", "days", "same", "s", "t", "d", "k", "file", "line", "column",
    "value", "key", "table_name", "load_id", "row", "_reason", "__row",
    "two words", "a.b", "100 %", "50%sales", "it's", 'say "so"', "order", "user", "on", "straße", "new\\line", "-- x",
)  # fmt: skip
LOADS = ("place", "known", "before", "tie", "from_target", "outcome")


def refreshed(name: str, columns: str, more: str = "") -> str:
    """The contract of ``core.<name>``, a table that is replaced whole."""
    matter = f"/*\n{MATTER}load: full_refresh\n{more}*/\n"
    return f"{matter}CREATE TABLE core.{name} (id INTEGER NOT NULL, {columns}, PRIMARY KEY (id));"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def yaml_list(names: tuple[str, ...]) -> str:
    return "".join("\n  - '" + name.replace("'", "''") + "'" for name in names)


@pytest.fixture
def made(target: LoadTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a pipeline of a contract, a transform and a header."""
    return lambda contract, transform, header: pipeline(target, monkeypatch, tmp_path, contract, transform, header)


@pytest.mark.parametrize("load", ["full_refresh", "incremental"])
def test_a_table_may_have_columns_of_any_name(made: Any, load: str) -> None:
    names = ("name", "flag", *NAMES, *LOADS)
    matter = MATTER + f'load: {load}\naccepted:\n  name: [a, b, 50%, "it\'s"]\nreferences:\n  flag: core.named (name)\n'
    matter += "version: changed\n" if load == "incremental" else ""
    columns = ", ".join(f"{quoted(name)} VARCHAR(9) NOT NULL" for name in names)
    columns += ", changed TIMESTAMP NOT NULL, PRIMARY KEY (name, reason)"
    contract = f"/*\n{matter}*/\nCREATE TABLE core.named ({columns});"
    header = (*names, "changed")
    transform = f"/*\ncolumns:{yaml_list(header)}\n*/\nSELECT * FROM raw"
    table: TablePipeline = made(contract, transform, header)
    rest = ("x",) * (len(names) - 2)
    table.run(("a", "a", *rest, "2013-01-01 10:00:00"))
    table.run(("a", "a", *rest, "2013-01-01 11:00:00"), ("b", "zz", *rest, "2999-01-01 00:00:00"))
    assert [row[:2] for row in table.rows()] == [("a", "a"), ("b", "zz")]
    failed = table.target.rows("SELECT check_name, row_key, reason FROM etl.check_failures ORDER BY 1")
    assert ("references_flag", "name=b, reason=x", "flag zz is not in core.named") in failed
    with pytest.raises(SourceError, match=r"accepted_name, 1 rows, e\.g\. name=c, reason=x"):
        table.run(("c", "a", *rest, "2013-01-01 12:00:00"))
    with pytest.raises(SourceError) as error:
        table.transform(("b", "a", *rest[:-1], "far too long", "2013-01-01 12:00:00"))
    assert (error.value.where["column"], error.value.where["line"]) == (names[-1], 2)
    assert error.value.where["key"] == {"name": "b", "reason": "x"}


INCREMENTAL = f"""/*
{MATTER}load: incremental
version: changed
deleted: gone
*/
CREATE TABLE core.numbered (
    n BIGINT IDENTITY(1, 1), code VARCHAR(5) NOT NULL, name VARCHAR(9), changed TIMESTAMP NOT NULL, gone TIMESTAMP,
    first_loaded TIMESTAMP NOT NULL DEFAULT SYSDATE, kind VARCHAR(3) DEFAULT 'x', PRIMARY KEY (code)
);"""
RAW = ("code", "name", "changed", "gone")
ALL_TEXT = "/*\ncolumns: [code, name, changed, gone]\n*/\nSELECT code, name, changed, gone FROM raw"


def test_an_updated_row_keeps_what_redshift_filled(made: Any) -> None:
    table: TablePipeline = made(INCREMENTAL, ALL_TEXT, RAW)
    table.run(("a", "one", "2013-01-01 10:00", None), ("b", "two", "2013-01-01 10:00", None))
    before = table.rows("code, n, first_loaded, kind")
    assert [(row[0], row[3]) for row in before] == [("a", "x"), ("b", "x")]
    assert len({row[1] for row in before}) == 2
    record = table.run(
        ("a", "new", "2013-01-01 11:00", None), ("b", None, "2013-01-01 11:00", "2013-01-01 11:00"),
        ("c", "three", "2013-01-01 11:00", None), ("c", "late", "2013-01-01 09:00", None),
    )  # fmt: skip
    counts = (record.counts.inserted, record.counts.updated, record.counts.marked_deleted, record.counts.superseded)
    assert counts == (1, 2, 1, 1)
    after = table.rows("code, n, first_loaded, kind")
    assert after[:2] == before
    assert table.rows("code, name") == [("a", "new"), ("b", None), ("c", "three")]
    table.run(("a", "new", "2013-01-01 11:00", None), ("c", "late", "2013-01-01 09:00", None))
    assert table.rows("code, n, first_loaded, kind") == after


def test_a_refresh_keeps_what_redshift_filled(made: Any) -> None:
    contract = INCREMENTAL.replace("incremental", "full_refresh").replace("version: changed\ndeleted: gone\n", "")
    table: TablePipeline = made(contract, ALL_TEXT, RAW)
    table.run(*((code, "one", "2013-01-01 10:00", None) for code in "abc"))
    before = table.rows("code, n, first_loaded")
    table.run(*((code, name, "2013-01-01 10:00", None) for code, name in (("a", "one"), ("b", "new"), ("d", "four"))))
    assert table.rows("code, name") == [("a", "one"), ("b", "new"), ("d", "four")]
    assert table.rows("code, n, first_loaded")[:2] == before[:2]


def test_a_default_that_the_transform_returns_is_loaded(made: Any) -> None:
    transform = "/*\ncolumns: [code, name, changed, gone]\n*/\nSELECT *, 'y' AS kind, 7 AS n FROM raw"
    table: TablePipeline = made(INCREMENTAL.replace("IDENTITY", "GENERATED BY DEFAULT AS IDENTITY"), transform, RAW)
    table.run(("a", "one", "2013-01-01 10:00", None))
    assert table.rows("code, kind, n") == [("a", "y", 7)]


@pytest.mark.parametrize(
    ("select", "named"),
    [
        ("SELECT *, 1 AS n FROM raw", "returns an IDENTITY column"),
        ("SELECT code, changed, gone FROM raw", "missing=name"),
        ("SELECT *, 1 AS other FROM raw", "extra=other"),
    ],
)
def test_what_a_transform_may_not_return_or_leave_out_is_named(made: Any, select: str, named: str) -> None:
    table: TablePipeline = made(INCREMENTAL, ALL_TEXT.replace("SELECT code, name, changed, gone FROM raw", select), RAW)
    with pytest.raises(ConfigError, match=named):
        table.transform(("a", "one", "2013-01-01 10:00", None))


def test_a_table_with_generated_columns_is_as_its_contract(target: LoadTarget) -> None:
    contract = contracts.parse(INCREMENTAL)
    target.create(contract)
    with open_session(target.connect, "a session") as session:
        found = read_tables(session, [contract.table])[contract.table]
    assert table_changes.changes(contract, found.columns) == ()


def test_a_new_column_with_a_default_has_it_in_the_rows_that_are_there(made: Any, tmp_path: Path) -> None:
    table: TablePipeline = made(INCREMENTAL, ALL_TEXT, RAW)
    table.run(("a", "one", "2013-01-01 10:00", None))
    longer = INCREMENTAL.replace("PRIMARY KEY", "state VARCHAR(4) NOT NULL DEFAULT 'open', PRIMARY KEY")
    (tmp_path / "sql/tables/core/numbered.sql").write_text(longer)
    contracts.load.cache_clear()
    migrate.ensure(table.target.connect, table.table)
    assert table.rows("code, state") == [("a", "open")]


TYPED = f"""/*
{MATTER}load: full_refresh
*/
CREATE TABLE core.typed (
    id INT4 NOT NULL, body VARBYTE(4), at TIME, there TIMETZ, note TEXT, code NVARCHAR(4), seen DATETIME,
    flag BOOL, ratio FLOAT4, price NUMERIC(5, 2), doc SUPER, PRIMARY KEY (id)
);"""


def test_every_kind_of_type_is_loaded_and_loaded_again(made: Any) -> None:
    header = [column.name for column in contracts.parse(TYPED).columns]
    table: TablePipeline = made(TYPED, f"/*\ncolumns: [{', '.join(header)}]\n*/\nSELECT * FROM raw", header)
    row = (1, "\\x6162fF", "12:30", "12:30:00+02", "n", "c", "2013-01-01 10:00", "yes", 1.5, 2, '{"a": [1, null]}')
    nothing = (2, *([None] * (len(header) - 1)))
    for _ in range(2):
        table.run(row, nothing)
    found = table.rows(
        "id, FROM_VARBYTE(body, 'hex'), CAST(at AS VARCHAR(20)), CAST(there AS VARCHAR(20)), note, seen, flag, ratio, "
        "price, JSON_SERIALIZE(doc)"
    )
    assert [str(value) for value in found[0]] == [
        "1", "6162ff", "12:30:00", "12:30:00+02", "n", "2013-01-01 10:00:00", "True", "1.5", "2.00", '{"a":[1,null]}',
    ]  # fmt: skip
    assert found[1][:9] == (2, *([None] * 8))


BLANKS = f"""/*
{MATTER}load: incremental
version: changed
*/
CREATE TABLE core.blanks (
    code VARCHAR(5) NOT NULL, kind CHAR(3) NOT NULL, changed TIMESTAMP NOT NULL, PRIMARY KEY (code, kind)
);"""


def test_a_key_that_ends_with_a_blank_is_refused_before_it_is_taken_for_another(made: Any) -> None:
    table: TablePipeline = made(
        BLANKS, "/*\ncolumns: [code, kind, changed]\n*/\nSELECT * FROM raw", ["code", "kind", "changed"]
    )
    with pytest.raises(SourceError, match=r"1 of 2 rows .* code ends with a blank") as error:
        table.run(("a", "x", "2013-01-01 10:00"), ("a ", "x", "2013-01-01 11:00"))
    assert error.value.where["key"] == {"code": "a ", "kind": "x"}
    table.run(("a", "x", "2013-01-01 10:00"), (" b", "x  ", "2013-01-01 10:00"))
    table.run(("a", "x", "2013-01-01 11:00"), (" b", "x", "2013-01-01 11:00"))
    assert table.rows("code, TRIM(kind)") == [(" b", "x"), ("a", "x")]


def test_a_key_that_the_transform_trims_is_one(made: Any) -> None:
    transform = "/*\ncolumns: [code, kind, changed]\n*/\nSELECT rtrim(code) AS code, kind, changed FROM raw"
    table: TablePipeline = made(BLANKS, transform, ["code", "kind", "changed"])
    record = table.run(("a", "x", "2013-01-01 10:00"), ("a ", "x", "2013-01-01 11:00"))
    assert (record.counts.inserted, record.counts.superseded) == (1, 1)
    assert table.rows("changed")[0][0].hour == 11


def test_mixed_case_columns_of_a_source_are_selected_by_their_name(made: Any) -> None:
    contract = refreshed("mixed", "customeremail VARCHAR(9)")
    table: TablePipeline = made(
        contract, "/*\ncolumns: [ID, customerEmail]\n*/\nSELECT ID, customerEmail FROM raw", ["ID", "customerEmail"]
    )
    table.run((1, "a@b"))
    assert table.rows() == [(1, "a@b")]


@pytest.mark.parametrize("name", ["on", "yes", "no", "null", "1e3", "010", "2013-01-01", "~"])
def test_a_raw_column_may_have_a_name_that_yaml_reads_as_something_else(made: Any, name: str) -> None:
    contract = refreshed("words", "v VARCHAR(10)", f"accepted:\n  v: [{name}]\n")
    transform = f'/*\ncolumns:\n  id: INTEGER\n  {name}: VARCHAR\n*/\nSELECT id, "{name}" AS v FROM raw'
    table: TablePipeline = made(contract, transform, ["id", name])
    table.run((1, name))
    assert table.rows() == [(1, name)]


def wide(made: Any, columns: int) -> TablePipeline:
    names = [f"c{number}" for number in range(columns)]
    contract = refreshed("wide", ", ".join(f"{name} VARCHAR(50)" for name in names))
    header = ["id", *names]
    table: TablePipeline = made(contract, f"/*\ncolumns: [{', '.join(header)}]\n*/\nSELECT * FROM raw", header)
    return table


def test_a_table_of_a_thousand_columns_is_transformed(made: Any) -> None:
    assert wide(made, 1000).transform(*((number, *["x" * 20] * 1000) for number in range(10))).rows == 10


@pytest.mark.stack
def test_a_bad_row_of_a_thousand_columns_is_named(made: Any) -> None:
    with pytest.raises(SourceError) as error:
        wide(made, 1000).transform((1, *["x"] * 999, "y" * 51))
    assert (error.value.where["column"], error.value.where["key"]) == ("c999", {"id": "1"})


def test_too_little_memory_is_reported_with_the_setting_that_helps(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__TRANSFORM_MEMORY", "5")
    with pytest.raises(ConfigError, match=r"TRANSFORM_MEMORY above 5, in MB \(this table had 5MB\)"):
        wide(made, 2).transform((1, "x", "y"))


COMPOSITE = f"""/*
{MATTER}load: incremental
version: changed
day: changed
*/
CREATE TABLE core.composite (
    "reason" VARCHAR(9) NOT NULL, "a.b" INTEGER NOT NULL, changed TIMESTAMP NOT NULL, doc SUPER, amount INTEGER,
    PRIMARY KEY ("reason", "a.b")
);"""
COMPOSITE_HEADER = ["reason", "a.b", "changed", "doc", "amount"]
ONE = date(2013, 1, 1)


@pytest.fixture
def composite(made: Any) -> TablePipeline:
    transform = f"/*\ncolumns: [{', '.join(COMPOSITE_HEADER)}]\n*/\nSELECT * FROM raw"
    table: TablePipeline = made(COMPOSITE, transform, COMPOSITE_HEADER)
    table.run(("x", 1, "2013-01-01 10:00", '{"n": 1}', 5), ("x", 2, "2013-01-01 10:00", '{"n": 2}', 5))
    return table


def test_a_shadow_of_a_composite_key_and_a_super_is_compared_swapped_and_undone(composite: TablePipeline) -> None:
    contract, connect = composite.contract, composite.target.connect
    before = composite.rows()
    shadow = shadow_table.create(connect, contract, "b1")
    composite.target.load(
        shadow,
        [("x", 1, "2013-01-01 10:00:00", '{"n": 3}', 5), ("y", 1, "2013-01-01 10:00:00", None, 1)],
        extracted_at=datetime.now(UTC),
    )
    with open_session(connect, "a session") as session:
        found = comparison.compare(session, contract, "b1", ONE, ONE)
        session.commit()
        assert (found.new, found.changed, found.same, found.only_in_table) == (1, 1, 0, 1)
        assert (found.changed_columns, found.examples) == ({"doc": 1}, ("reason=x, a.b=1",))
        with session.transaction():
            _, records = shadow_table.swap(session, contract, "b1", RUN)
            session.run_step(records)
        assert [row[:2] for row in composite.rows()] == [("x", 1), ("x", 2), ("y", 1)]
        with session.transaction():
            _, records = shadow_table.undo(session, contract, "b1", RUN)
            session.run_step(records)
    assert composite.rows() == before


def test_a_composite_key_is_named_whole_where_a_batch_is_refused(composite: TablePipeline) -> None:
    with pytest.raises(SourceError) as error:
        composite.transform(("x", 1, "2013-01-01 10:00", "{", 5))
    assert (error.value.where["column"], error.value.where["key"]) == ("doc", {"reason": "x", "a.b": "1"})
    contract = contracts.parse(COMPOSITE.replace("incremental", "full_refresh").replace("version: changed\n", ""))
    row = ("x", 1, "2013-01-01 10:00:00", None, 5)
    with pytest.raises(SourceError) as error:
        composite.target.load(contract, [row, row])
    assert error.value.where["keys"] == [("x", 1, 2)]


def test_days_of_a_composite_key_are_counted_for_reconciliation(composite: TablePipeline) -> None:
    with open_session(composite.target.connect, "a session") as session:
        assert session.run(count_by_day(composite.contract, ONE, ONE)) == [(ONE, 2)]


def test_a_table_with_generated_columns_has_no_shadow() -> None:
    with pytest.raises(ConfigError, match="has no staged backfill: a swap would fill them anew"):
        shadow_table.of(contracts.parse(INCREMENTAL), "b1")
