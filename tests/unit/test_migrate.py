from __future__ import annotations

import pytest

from redshift_etl.contracts import contract
from redshift_etl.errors import ConfigError
from redshift_etl.warehouse.catalog_query import ActualColumn
from redshift_etl.warehouse.migrate import in_order
from redshift_etl.warehouse.table_changes import changes, create_table

CONTRACT = contract.parse("""/*
description: It's a table.
owner: us
load: full_refresh
retention: never
*/
CREATE TABLE core.t (a BIGINT PRIMARY KEY, b VARCHAR(10), c DECIMAL(9, 2)) DISTSTYLE EVEN;
COMMENT ON COLUMN core.t.a IS 'x; y';""")
A, B, C = (
    ActualColumn("a", "BIGINT", False),
    ActualColumn("b", "VARCHAR(10)", True),
    ActualColumn("c", "DECIMAL(9,2)", True),
)


def test_a_table_that_matches_needs_nothing() -> None:
    assert changes(CONTRACT, (A, B, C)) == ()


def test_a_new_nullable_column_is_added() -> None:
    assert [statement.sql for statement in changes(CONTRACT, (A, B))] == [
        'ALTER TABLE "core"."t" ADD COLUMN "c" DECIMAL(9,2)'
    ]


def test_a_new_column_that_must_not_be_null_is_refused_with_the_statement_to_run() -> None:
    with pytest.raises(ConfigError, match=r"ALTER TABLE core\.t ADD COLUMN a BIGINT NOT NULL DEFAULT"):
        changes(CONTRACT, (B, C))


def test_a_longer_varchar_is_refused_with_the_statement_to_run() -> None:
    with pytest.raises(ConfigError, match=r"ALTER TABLE core\.t ALTER COLUMN b TYPE VARCHAR\(10\)"):
        changes(CONTRACT, (A, ActualColumn("b", "VARCHAR(5)", True), C))


@pytest.mark.parametrize(
    ("column", "actual"),
    [
        pytest.param("b VARCHAR(10)", "VARCHAR(20)", id="shorter"),
        pytest.param("b VARCHAR(10) PRIMARY KEY", "VARCHAR(5)", id="primary key"),
        pytest.param("b VARCHAR(10) UNIQUE", "VARCHAR(5)", id="unique"),
        pytest.param("b VARCHAR(10), UNIQUE (b)", "VARCHAR(5)", id="unique table constraint"),
        pytest.param("b VARCHAR(10) REFERENCES core.u (b)", "VARCHAR(5)", id="foreign key"),
        pytest.param("b VARCHAR(10) DEFAULT 'x'", "VARCHAR(5)", id="default"),
        pytest.param("b VARCHAR(10) ENCODE bytedict", "VARCHAR(5)", id="bytedict"),
        pytest.param("b VARCHAR(10) ENCODE text255", "VARCHAR(5)", id="text255"),
    ],
)
def test_a_varchar_that_cannot_be_altered_is_copied_to_a_new_table(column: str, actual: str) -> None:
    text = CONTRACT.statements[0].replace("b VARCHAR(10)", column)
    front = "/*\ndescription: T.\nowner: us\nload: full_refresh\nretention: never\n*/"
    changed = contract.parse(f"{front}\n{text};")
    nullable = changed.column("b").nullable
    with pytest.raises(ConfigError, match=r"CREATE TABLE core\.t_new"):
        changes(changed, (A, ActualColumn("b", actual, nullable), C))


def test_another_type_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"The contract has BIGINT NOT NULL, the table has INTEGER NOT NULL"):
        changes(CONTRACT, (ActualColumn("a", "INTEGER", False), B, C))


def test_a_column_that_the_contract_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"put them into the contract; (?!.*DROP)"):
        changes(CONTRACT, (A, B, C, ActualColumn("d", "DATE", True)))


def test_a_table_is_created_as_its_contract_is_written() -> None:
    texts = [statement.sql for statement in create_table(CONTRACT)]
    assert texts[0].endswith("DISTSTYLE EVEN")
    assert texts[1] == "COMMENT ON COLUMN core.t.a IS 'x; y'"
    assert texts[2] == "COMMENT ON TABLE \"core\".\"t\" IS 'It''s a table.'"


def test_a_table_is_made_after_those_that_its_foreign_keys_name() -> None:
    order = [made.table for made in in_order(["core.flights"])]
    assert set(order) == {"core.flights", "core.airlines", "core.airports", "core.planes"}
    assert order[-1] == "core.flights"
