"""The files of keys: what they may say, and for which tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from redshift_etl.contracts import contract, key_spec
from redshift_etl.errors import ConfigError

FLIGHTS = contract.load("core.flights")
PATH = Path("include/sql/keys/core/flights.sql")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT flight_id FROM flights", "front matter"),
        (
            "/*\nfrom: airline_db\nconnection: x\n*/\nSELECT flight_id FROM flights",
            "matter from; the keys are connection",
        ),
        ("/*\nconnection:\n*/\nSELECT flight_id FROM flights", "lacks connection"),
        ("/*\nconnection: x\n*/", "exactly one SELECT"),
        ("/*\nconnection: x\n*/\n-- nothing", "exactly one SELECT"),
        ("/*\nconnection: x\n*/\nDELETE FROM flights RETURNING flight_id", "exactly one SELECT"),
        ("/*\nconnection: x\n*/\nSELECT flight_id FROM a; SELECT flight_id FROM b", "exactly one SELECT"),
        ("/*\nconnection: x\n*/\nSELECT flight_id FROM (", "not valid SQL"),
        ("/*\nconnection: x\n*/\nSELECT id FROM flights", r"has the columns id; the key has flight_id"),
        ("/*\nconnection: x\n*/\nSELECT * FROM flights", r"has the columns \*; the key has flight_id"),
        ("/*\nconnection: x\n*/\nSELECT flight_id, carrier FROM flights", "has the columns flight_id, carrier"),
        ("/*\nconnection: x\n*/\nSELECT flight_id FROM flights WHERE modified_at < %(end)s", "keys of all rows"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        key_spec.parse(FLIGHTS, text, PATH)
    assert str(PATH) in str(error.value)


@pytest.mark.parametrize("changes", [{"load": "full_refresh"}, {"load": "snapshot"}, {"deleted": None}])
def test_it_is_for_tables_that_keep_tombstones(changes: dict[str, str | None]) -> None:
    text = "/*\nconnection: x\n*/\nSELECT flight_id FROM flights"
    with pytest.raises(ConfigError, match="loaded by incremental and has `deleted`"):
        key_spec.parse(replace(FLIGHTS, **changes), text, PATH)  # type: ignore[arg-type]


def test_the_select_is_as_the_file_has_it_and_the_query_has_the_columns_of_the_key() -> None:
    text = '/*\nconnection: airline_db\n*/\nSELECT f."Id" AS flight_id FROM flights f UNION SELECT 1;\n'
    spec = key_spec.parse(FLIGHTS, text, PATH)
    assert (spec.connection, spec.sql) == ("airline_db", 'SELECT f."Id" AS flight_id FROM flights f UNION SELECT 1')
    assert spec.query == f'SELECT "flight_id" FROM (\n{spec.sql}\n) AS source_keys'


def test_a_table_without_such_a_file_is_named_with_its_path() -> None:
    with pytest.raises(ConfigError, match=r"keys/core/airlines\.sql"):
        key_spec.read("core.airlines")


def test_every_file_of_this_repository_is_sound() -> None:
    assert key_spec.all_tables()
    for table in key_spec.all_tables():
        assert key_spec.read(table).connection
