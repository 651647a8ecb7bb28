"""A contract is valid, or the error says why not in one sentence."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from redshift_etl.contracts import check, mart, reconcile_spec, transform_spec
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract, Retention
from redshift_etl.contracts.ddl import Reference
from redshift_etl.errors import ConfigError

MATTER = {
    "description": "Things.",
    "owner": "team",
    "load": "incremental",
    "version": "changed",
    "deleted": "gone",
    "day": "changed",
    "fresh_within": "26 hours",
    "retention": "3 years on changed",
}
TABLE = "CREATE TABLE core.things (id INT, changed TIMESTAMP NOT NULL, gone TIMESTAMP, kind CHAR(1), PRIMARY KEY (id));"


def text(table: str = TABLE, **changes: str | None) -> str:
    matter = {name: value for name, value in {**MATTER, **changes}.items() if value is not None}
    return "/*\n" + "\n".join(f"{name}: {value}" for name, value in matter.items()) + f"\n*/\n{table}"


def test_everything_known_about_a_table_is_read_from_its_file() -> None:
    contract = contracts.parse(text(accepted="{kind: [a, b]}", max_rejects="5", may_be_absent="true"))
    assert (contract.table, contract.schema, contract.name) == ("core.things", "core", "things")
    assert (contract.key, contract.version, contract.deleted, contract.day) == (("id",), "changed", "gone", "changed")
    assert contract.fresh_within == timedelta(hours=26)
    assert contract.retention == Retention(timedelta(days=3 * 365), "changed")
    assert (contract.accepted, contract.max_rejects) == ({"kind": ("a", "b")}, 5)
    assert (contract.may_be_absent, contracts.parse(text()).may_be_absent) == (True, False)


WORDS = ("on", "yes", "no", "null", "~", "1e3", "010", "2013-01-01", "1_000", "0x10", "1:30", "True", "y")


def test_a_value_of_the_front_matter_is_the_text_that_is_written() -> None:
    contract = contracts.parse(
        text(TABLE.replace("CHAR(1)", "VARCHAR(20)"), accepted=f"{{kind: [{', '.join(WORDS)}]}}")
    )
    assert contract.accepted == {"kind": WORDS}


def test_a_column_may_have_a_name_that_yaml_reads_as_something_else() -> None:
    table = TABLE.replace("changed", '"on"').replace("gone", "no")
    contract = contracts.parse(
        text(table, version="on", day="on", deleted="no", retention="3 years on on", accepted="{no: [2013-01-01]}")
    )
    assert (contract.version, contract.deleted, contract.accepted) == ("on", "no", {"no": ("2013-01-01",)})


def test_accepted_values_are_what_the_warehouse_writes() -> None:
    table = TABLE.replace("kind CHAR(1)", "kind CHAR(1), flag BOOLEAN, code SMALLINT, price NUMERIC(6, 2)")
    contract = contracts.parse(text(table, accepted="{flag: [yes, FALSE], code: [010, -7], price: [1.5, 2]}"))
    assert contract.accepted == {"flag": ("true", "false"), "code": ("10", "-7"), "price": ("1.50", "2.00")}


def test_every_key_of_the_front_matter_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
    keys, others = re.search(r"\| key \|.*?\n\n(.*?)\n\n", page, re.DOTALL), page.partition("The other files")[2]
    assert keys
    assert set(re.findall(r"^\| `(\w+)` \|", keys[0], re.MULTILINE)) == contracts.FIELDS
    documented = set(re.findall(r"`(\w+)`", others.partition("\n\n")[0]))
    assert documented == transform_spec.FIELDS | check.FIELDS | mart.FIELDS | reconcile_spec.FIELDS


def test_never_is_an_answer() -> None:
    contract = contracts.parse(text(retention="never", fresh_within="never"))
    assert (contract.retention, contract.fresh_within) == (None, None)


@pytest.mark.parametrize("missing", ["description", "owner", "load", "retention"])
def test_what_every_table_must_say_is_missed(missing: str) -> None:
    with pytest.raises(ValueError, match=f"lacks {missing}"):
        contracts.parse(text(TABLE, **{missing: None}))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (text(colour="red"), "unknown front matter colour; the keys are accepted, .*version"),
        (text(max_rejects="many"), "`max_rejects` is 'many'"),
        (text(may_shrink_to="1.5"), "`may_shrink_to` is '1.5'"),
        (text(accepted="{kind: a}"), "`accepted` lists the values"),
        (text(accepted="{id: [one]}"), "'one', which is no value of id INTEGER"),
        (text(owner="x\nowner: y"), "owner twice, in line"),
        (text(load="sometimes"), "'sometimes'"),
        (text(may_be_absent="sometimes"), "write true or false"),
        (text(version=None), "needs `version`"),
        (text(version="altered"), "altered"),
        (text(version="gone"), "gone must be NOT NULL"),
        (text(deleted="removed"), "removed"),
        (text(day="dag"), "dag"),
        (text(accepted="{colour: [a]}"), "colour"),
        (text(retention="3 years"), "3 years"),
        (text(retention="3 years on born"), "born"),
        (text(fresh_within="soon"), "soon"),
        (text("CREATE TABLE core.things (id INT, changed TIMESTAMP NOT NULL, gone TIMESTAMP);"), "PRIMARY KEY"),
        (TABLE, "front matter"),
        ("/* just words */ " + TABLE, "key: value"),
        ("/* a: [ */ " + TABLE, "not YAML"),
    ],
)
def test_a_contract_that_does_not_hold_together_is_refused(given: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        contracts.parse(given)


def test_a_table_without_a_contract_names_the_file_to_write() -> None:
    with pytest.raises(ConfigError, match=r"core/nowhere\.sql") as error:
        contracts.load("core.nowhere")
    assert error.value.where["table"] == "core.nowhere"


@pytest.mark.parametrize("name", ["flights", "Core.Flights", "core.flights; DROP TABLE x", "../etc.passwd"])
def test_a_name_that_is_not_a_tables_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"schema\.table"):
        contracts.load(name)


def test_a_file_named_after_another_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(tmp_path))
    (tmp_path / "tables" / "core").mkdir(parents=True)
    (tmp_path / "tables" / "core" / "others.sql").write_text(text())
    contracts.load.cache_clear()
    with pytest.raises(ConfigError, match=r"core\.things"):
        contracts.load("core.others")


@pytest.fixture
def loaded() -> list[Contract]:
    contracts.load.cache_clear()
    return [contracts.load(table) for table in contracts.all_tables()]


def test_every_contract_of_the_repository_is_complete(loaded: list[Contract]) -> None:
    assert loaded
    for contract in loaded:
        assert contract.description, contract.table
        assert contract.owner, contract.table
        uncommented = [column.name for column in contract.columns if not column.comment]
        assert not uncommented, contract.table


def test_no_reference_that_only_warns_is_declared_to_the_planner(loaded: list[Contract]) -> None:
    declared = [
        f"{contract.table}.{column.name}"
        for contract in loaded
        for column in contract.columns
        if column.references and column.references.declared
    ]
    assert declared == []
    assert not any("REFERENCES" in text for contract in loaded for text in contract.statements)


REFERRING = """/*
description: Trips.
owner: us
load: append
time: at
retention: never
references:
  {named}: core.airports (airport)
*/
CREATE TABLE core.trips (
    at TIMESTAMP NOT NULL, origin VARCHAR(3), destination VARCHAR(3) REFERENCES core.airports (airport)
)"""


def test_a_reference_of_the_front_matter_belongs_to_its_column() -> None:
    trips = contracts.parse(REFERRING.format(named="origin"))
    assert trips.column("origin").references == Reference("core.airports", "airport", declared=False)
    assert trips.column("destination").references == Reference("core.airports", "airport")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (REFERRING.format(named="start"), "names the column start"),
        (REFERRING.format(named="destination"), "destination has both"),
        (REFERRING.format(named="origin").replace("core.airports (airport)", "core.airports", 1), "REFERENCES one"),
    ],
)
def test_a_reference_that_cannot_be_one_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contracts.parse(text)


def test_references_point_at_columns_that_exist(loaded: list[Contract]) -> None:
    tables = {contract.table: contract for contract in loaded}
    for contract in loaded:
        for column in contract.columns:
            if column.references:
                assert column.references.column in tables[column.references.table].column_names, column.name


@pytest.mark.parametrize(
    "name",
    [
        "core.flights\n",
        "\ncore.flights",
        "core.flights\r",
        "core.flights ",
        "core.fl\u0131ghts",
        "../etc.passwd",
        "a.b.c",
    ],
)
def test_a_name_that_is_none_reaches_no_path(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is named schema\.table"):
        contracts.load(name)


def test_a_message_names_a_file_without_the_folders_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sql_dir, expected in (("", "include/sql/tables/core/nowhere.sql"), (str(tmp_path), "tables/core/nowhere.sql")):
        monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", sql_dir)
        with pytest.raises(ConfigError, match="no contract") as error:
            contracts.load("core.nowhere")
        assert error.value.fix == f"write {expected}"


def test_no_message_of_a_file_has_the_folders_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(tmp_path))
    (tmp_path / "tables/core").mkdir(parents=True)
    (tmp_path / "tables/core/broken.sql").write_text("/*\nunknown: 1\n*/\nSELECT 1")
    with pytest.raises(ConfigError) as error:
        contracts.load("core.broken")
    assert str(tmp_path) not in str(error.value)
    assert "tables/core/broken.sql" in str(error.value)
