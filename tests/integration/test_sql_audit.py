"""The audit of statements sees what the product sends, and only that."""

from __future__ import annotations

from typing import Any

from redshift_etl.warehouse.session import open_session
from redshift_etl.warehouse.statement import Statement
from tests.integration.batches import LoadTarget

MODULE = """
def send(session, statement):
    return session.run(statement)
"""


def test_a_statement_that_nobody_has_checked_is_reported_with_its_sender_and_types(
    target: LoadTarget, sql_recorder: Any
) -> None:
    product: dict[str, Any] = {"__name__": "redshift_etl.imagined"}
    exec(MODULE, product)
    target.rows("SELECT 2 AS a_statement_of_a_test")
    with open_session(target.connect, "a session") as session:
        product["send"](session, Statement("try", "SELECT 1 AS unheard_of WHERE 1 = %s AND 'a' = %s", (1, "a")))
    sql_recorder.messages = {message for message in sql_recorder.messages if message[2] != "imagined.send"}
    (shape,) = sql_recorder.take_unchecked()
    assert "unheard_of" in shape.sql
    assert shape.types == {"INT", "UNKNOWN"}
    assert shape.sent_by == {"imagined.send"}
