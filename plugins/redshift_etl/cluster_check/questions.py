"""What AWS's pages leave open about statements like ours: each is sent and its outcome printed, none is a failure.

The product is written for either outcome; whoever adapts it, or the local Redshift, needs to know which one it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redshift_etl.cluster_check.model import Check, Cluster, Result, unknown
from redshift_etl.errors import TransientError
from redshift_etl.warehouse.session import Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, ident


@dataclass(frozen=True)
class Question:
    """A statement, the statements that make its tables, and the outcome that reports from clusters let expect."""

    name: str
    tables: tuple[str, ...]
    sql: str
    expected: str
    values: tuple[object, ...] = ()


REFUSED, ACCEPTED = "refused", "accepted"
_KEYED = (
    "CREATE TABLE {t} (id INTEGER, PRIMARY KEY (id))",
    "INSERT INTO {t} VALUES (1), (1)",
)
QUESTIONS = (
    Question(
        "grouping by an untyped literal",
        _KEYED,
        "SELECT o, COUNT(*) FROM (SELECT id, 'x' AS o FROM {t}) AS d GROUP BY o",
        REFUSED,
    ),
    Question(
        "comparing an untyped literal",
        _KEYED,
        "SELECT id FROM (SELECT id, 'x' AS o FROM {t}) AS d WHERE o IN ('x', 'y')",
        REFUSED,
    ),
    Question(
        "an untyped parameter in INSERT … SELECT",
        (*_KEYED, "CREATE TABLE {t}_n (n VARCHAR(5), id INTEGER)"),
        "INSERT INTO {t}_n SELECT %s, id FROM {t}",
        ACCEPTED,
        ("a",),
    ),
    Question(
        "rows of a DISTINCT over a declared key that repeats (expected: 2)",
        _KEYED,
        "SELECT COUNT(*) FROM (SELECT DISTINCT id FROM {t}) AS d",
        ACCEPTED,
    ),
    Question("the view stv_db_isolation_level", (), "SELECT * FROM stv_db_isolation_level", ACCEPTED),
    Question(
        "INTERSECT of SUPER values",
        ("CREATE TABLE {t} (s SUPER)",),
        "SELECT COUNT(*) FROM (SELECT s FROM {t} INTERSECT SELECT s FROM {t}) AS x",
        REFUSED,
    ),
    Question(
        "tbl_rows of a DISTSTYLE ALL table of 3 rows, 1 of them deleted",
        (
            "CREATE TABLE {t} (id INTEGER) DISTSTYLE ALL",
            "INSERT INTO {t} VALUES (1), (2), (3)",
            "DELETE FROM {t} WHERE id = 3",
        ),
        "SELECT tbl_rows, estimated_visible_rows FROM svv_table_info\n"
        "WHERE \"schema\" = '{schema}' AND \"table\" = '{n}'",
        ACCEPTED,
    ),
)


def checks(section: str, needs: tuple[str, ...]) -> tuple[Check, ...]:
    """The questions as checks."""
    return tuple(
        Check(f"open question {number}", _sender(number, each), section, "", needs=needs)
        for number, each in enumerate(QUESTIONS, 1)
    )


def _sender(number: int, question: Question) -> Callable[[Cluster], Result | str]:
    def outcome(cluster: Cluster) -> Result | str:
        """Send the statements; what became of the last one."""
        table = f"question_{number}"
        names = {"t": f"{ident(cluster.name)}.{table}", "schema": cluster.name, "n": table}
        with open_session(cluster.connect, cluster.name) as session:
            try:
                for sql in question.tables:
                    session.run(Statement("prepare a question", sql.format(**names)))
                session.commit()
            except (StatementError, TransientError) as error:
                return unknown(f"{question.name}: its table could not be made: {error.what}")
            return _answer(session, question, question.sql.format(**names))

    return outcome


def _answer(session: Session, question: Question, sql: str) -> Result | str:
    try:
        rows = session.run(Statement("answer a question", sql, question.values))
    except StatementError as error:
        return f"{question.name}: {REFUSED}, {_comment(question, REFUSED)}: {error.code} {error.message}"
    except TransientError as error:
        return unknown(f"{question.name}: {error.what}")
    shown = "; ".join(", ".join(str(value).strip() for value in row) for row in rows[:3])
    return f"{question.name}: {ACCEPTED}, {_comment(question, ACCEPTED)}{f': {shown}' if rows else ''}"


def _comment(question: Question, outcome: str) -> str:
    return "as expected" if outcome == question.expected else "not as expected"
