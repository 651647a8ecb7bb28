from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from redshift_etl.errors import ConfigError, TransientError
from redshift_etl.warehouse.session import classify
from redshift_etl.warehouse.statement import Statement

STATEMENT = Statement("count the rows", "SELECT COUNT(*) FROM core.t")


def server(code: str, message: str) -> Exception:
    """An error as redshift_connector raises it."""
    return RuntimeError({"S": "ERROR", "C": code, "M": message})


@pytest.mark.parametrize(
    "error",
    [
        server("40001", "could not serialize access"),
        server(
            "XX000", "1023 DETAIL: Serializable isolation violation on table - 1, transactions forming the cycle are: 2"
        ),
        server("40P01", "deadlock detected"),
        server("XX000", "could not complete because of conflict with concurrent transaction"),
        server("XX000", "table 1001 dropped by concurrent transaction"),
        server("XX000", "1018 DETAIL: Relation does not exist."),
        server("57P01", "terminating connection due to administrator command"),
        BrokenPipeError(),
        server(
            "XX000", "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,Rid 1,CanRetry 1"
        ),
        server(
            "XX000", "S3CurlException: Timeout was reached, CurlError 28, multiCurlError 0, CanRetry 1, UserError 0"
        ),
    ],
    ids=["40001", "1023", "40P01", "conflict", "dropped", "1018", "shutdown", "broken pipe", "503", "curl"],
)
def test_a_conflict_or_a_lost_connection_is_tried_again(error: Exception) -> None:
    assert isinstance(classify(error, STATEMENT), TransientError)


@pytest.mark.parametrize("status", ["403,Error AccessDenied", "404,Error NoSuchKey", "301,Error PermanentRedirect"])
def test_what_s3_refuses_is_not_tried_again(status: str) -> None:
    refused = server("XX000", f"S3ServiceException:The object is of 500 bytes,Status {status},Rid 1,CanRetry 1")
    assert isinstance(classify(refused, STATEMENT), ConfigError)


def test_a_number_that_only_begins_as_a_conflicts_does_is_none() -> None:
    assert isinstance(classify(server("XX000", "10180 rows are too many"), STATEMENT), ConfigError)


def test_a_refused_statement_ends_the_task_and_says_which_it_was() -> None:
    refused = classify(server("42P01", 'relation "core.t" does not exist'), STATEMENT)
    assert isinstance(refused, ConfigError)
    assert isinstance(refused, AirflowFailException)
    for part in ("count the rows", 'relation "core.t" does not exist', "SELECT COUNT(*) FROM core.t", "42P01"):
        assert part in str(refused)
