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


@pytest.mark.parametrize(
    ("spelling", "kind"),
    [
        ("INT2", "SMALLINT"),
        ("INT4", "INTEGER"),
        ("INT8", "BIGINT"),
        ("FLOAT4", "REAL"),
        ("FLOAT8", "DOUBLE PRECISION"),
        ("FLOAT(24)", "REAL"),
        ("FLOAT(25)", "DOUBLE PRECISION"),
        ("NUMERIC", "DECIMAL(18,0)"),
        ("NUMERIC(38,37)", "DECIMAL(38,37)"),
        ("BOOL", "BOOLEAN"),
        ("TEXT", "VARCHAR(256)"),
        ("NVARCHAR", "VARCHAR(256)"),
        ("NVARCHAR(5)", "VARCHAR(5)"),
        ("CHARACTER VARYING(7)", "VARCHAR(7)"),
        ("CHARACTER(4)", "CHAR(4)"),
        ("NCHAR", "CHAR(1)"),
        ("BPCHAR", "CHAR(256)"),
        ("CHAR(MAX)", "CHAR(4096)"),
        ("DATETIME", "TIMESTAMP"),
        ("TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"),
        ("TIME WITHOUT TIME ZONE", "TIME"),
        ("TIME WITH TIME ZONE", "TIMETZ"),
        ("VARBYTE", "VARBYTE(64000)"),
        ("VARBINARY(3)", "VARBYTE(3)"),
        ("BINARY VARYING(4)", "VARBYTE(4)"),
    ],
)
def test_each_alias_of_a_type_is_the_type_that_it_stands_for(spelling: str, kind: str) -> None:
    (column,) = ddl.parse(f"CREATE TABLE a.t (x {spelling} NOT NULL)").columns
    assert (str(column.type), column.nullable) == (kind, False)


@pytest.mark.parametrize(
    ("definition", "named"),
    [
        ("x VARCHAR(65536)", "1 to 65535 bytes"),
        ("x VARCHAR(0)", "1 to 65535 bytes"),
        ("x CHAR(4097)", "1 to 4096 bytes"),
        ("x VARBYTE(16777217)", "1 to 16777216 bytes"),
        ("x NUMERIC(50, 18)", "1 to 38 digits"),
        ("x NUMERIC(38, 38)", "up to 37 of them"),
        ("x NUMERIC(5, 6)", "up to 37 of them"),
        ("x FLOAT(54)", "1 to 53 bits"),
        ("x TIMESTAMP(3)", "x has TIMESTAMP with a precision"),
        (", ".join(f"c{n} INTEGER" for n in range(1601)), "1601 columns"),
    ],
)
def test_what_is_beyond_redshifts_limits_is_refused_in_a_sentence(definition: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ddl.parse(f"CREATE TABLE a.t ({definition})")


def test_a_table_has_up_to_1600_columns() -> None:
    columns = ", ".join(f"c{n} INTEGER" for n in range(1600))
    assert len(ddl.parse(f"CREATE TABLE a.t ({columns})").columns) == 1600


@pytest.mark.parametrize(
    ("definition", "named"),
    [
        ('"customerEmail" VARCHAR(9)', 'call it customeremail, .*"customerEmail" AS customeremail'),
        ("ID INTEGER", "folds the column name ID"),
        ('"Two words" INTEGER', '"Two words" AS "two words"'),
        ('"user" INTEGER, user INTEGER', 'user is a reserved word of Redshift; .*"user"'),
        ("id INTEGER, order INTEGER", "order is a reserved word"),
        ("Select INTEGER", "select is a reserved word"),
        ("x DECIMAL(3, 2), tag INTEGER", "tag is a reserved word"),
        ('"xmin" INTEGER', "system column"),
        (f"{'x' * 128} INTEGER", "128 bytes; Redshift takes 127"),
        (f'"{"é" * 64}" INTEGER', "128 bytes"),
        ("a INTEGER, b INTEGER, a INTEGER", "the column a twice"),
        ("a INTEGER, PRIMARY KEY (b)", "PRIMARY KEY names the column b"),
        ("a INTEGER, b SUPER, PRIMARY KEY (b)", "the column b of the PRIMARY KEY is a SUPER"),
        ("a VARCHAR(3) IDENTITY(1, 1)", "must be INTEGER or BIGINT"),
    ],
)
def test_a_name_that_redshift_would_fold_or_refuse_is_refused_in_a_sentence(definition: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ddl.parse(f"CREATE TABLE a.t ({definition})")


def test_a_comment_on_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="COMMENT ON COLUMN names the column b"):
        ddl.parse("CREATE TABLE a.t (a INTEGER); COMMENT ON COLUMN a.t.b IS 'x'")


@pytest.mark.parametrize("name", ["a.b", "two words", "order", "100 %", 'say "so"', "straße", "x" * 127, "ÄÖ"])
def test_any_other_name_is_a_columns_in_quotation_marks(name: str) -> None:
    quoted = name.replace('"', '""')
    assert ddl.parse(f'CREATE TABLE a.t ("{quoted}" INTEGER)').columns[0].name == name


def test_defaults_and_identities_are_known() -> None:
    table = ddl.parse("""CREATE TABLE a.t (
        id BIGINT IDENTITY(0, 1),
        other INTEGER GENERATED BY DEFAULT AS IDENTITY(1, 1),
        loaded TIMESTAMP NOT NULL DEFAULT SYSDATE,
        kind VARCHAR(3) DEFAULT 'x',
        plain INTEGER
    )""")
    assert {column.name: (column.identity, column.default, column.nullable) for column in table.columns} == {
        "id": ("always", None, False),
        "other": ("by default", None, False),
        "loaded": (None, "SYSDATE", False),
        "kind": (None, "'x'", True),
        "plain": (None, None, True),
    }


def test_a_type_prints_as_redshift_spells_it() -> None:
    assert [str(Type("CHAR", length=3)), str(Type("DECIMAL", precision=6, scale=2)), str(Type("DATE"))] == [
        "CHAR(3)",
        "DECIMAL(6,2)",
        "DATE",
    ]


@pytest.mark.parametrize("clause", ["DISTKEY (ID) SORTKEY (Taken)", 'DISTKEY ("ID") SORTKEY ("Taken", id)'])
def test_a_key_of_the_table_may_name_a_column_in_another_case_as_redshift_folds_it(clause: str) -> None:
    assert ddl.parse(f"CREATE TABLE a.t (id INTEGER, taken DATE) {clause}").sort[0] == "taken"


def test_a_key_of_the_table_keeps_letters_beyond_ascii_as_redshift_does() -> None:
    assert ddl.parse('CREATE TABLE a.t ("ÄÖ" INTEGER) SORTKEY ("ÄÖ")').sort == ("ÄÖ",)
