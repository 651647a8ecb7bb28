"""What a contract's CREATE TABLE may contain, and what it may not."""

from __future__ import annotations

import pytest

from redshift_etl.contracts import ddl
from redshift_etl.contracts.ddl import Reference, Type

TABLE = """
CREATE TABLE core.things (
    id     BIGINT ENCODE az64,
    note   VARCHAR(64) NOT NULL REFERENCES core.notes (note),
    amount NUMERIC(8, 3),
    state  CHAR,
    long   VARCHAR(MAX),
    plain  VARCHAR,
    whole  DECIMAL,
    ratio  FLOAT,
    small  INT NULL,
    PRIMARY KEY (id)
)
DISTKEY (id) COMPOUND SORTKEY (id);
COMMENT ON COLUMN core.things.note IS 'It''s; a note.';
"""


def test_types_lengths_and_defaults_are_redshifts() -> None:
    assert {column.name: str(column.type) for column in ddl.parse(TABLE).columns} == {
        "id": "BIGINT",
        "note": "VARCHAR(64)",
        "amount": "DECIMAL(8,3)",
        "state": "CHAR(1)",
        "long": "VARCHAR(65535)",
        "plain": "VARCHAR(256)",
        "whole": "DECIMAL(18,0)",
        "ratio": "DOUBLE PRECISION",
        "small": "INTEGER",
    }


def test_the_key_is_not_null_and_the_rest_as_declared() -> None:
    table = ddl.parse(TABLE)
    assert table.key == ("id",)
    assert [column.name for column in table.columns if not column.nullable] == ["id", "note"]


def test_references_and_comments_belong_to_their_column() -> None:
    note = ddl.parse(TABLE).columns[1]
    assert note.references == Reference("core.notes", "note")
    assert note.comment == "It's; a note."


def test_a_key_can_be_declared_on_its_column() -> None:
    assert ddl.parse("CREATE TABLE a.t (id INTEGER PRIMARY KEY, v DATE)").key == ("id",)


def test_statements_are_kept_to_the_letter() -> None:
    create, comment = ddl.parse(TABLE).statements
    assert create.endswith("DISTKEY (id) COMPOUND SORTKEY (id)")
    assert comment == "COMMENT ON COLUMN core.things.note IS 'It''s; a note.'"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("SELECT 1", "exactly one CREATE TABLE"),
        ("CREATE TABLE a.t (i INT); CREATE TABLE a.u (i INT)", "exactly one CREATE TABLE"),
        ("CREATE TABLE t (i INT)", "schema.table"),
        ("CREATE TABLE a.t (i INTERVAL)", "column i has type"),
        ("CREATE TABLE a.t (", "not valid SQL"),
        ("CREATE TABLE a.t (i INT REFERENCES a.u)", "REFERENCES one column"),
    ],
)
def test_what_is_not_a_contracts_table_is_refused_in_a_sentence(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ddl.parse(text)


def test_a_type_prints_as_redshift_spells_it() -> None:
    assert [str(Type("CHAR", length=3)), str(Type("DECIMAL", precision=6, scale=2)), str(Type("DATE"))] == [
        "CHAR(3)",
        "DECIMAL(6,2)",
        "DATE",
    ]
