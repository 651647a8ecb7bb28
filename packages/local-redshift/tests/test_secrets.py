"""Passwords and keys reach neither a view nor a log, and a user reads no row of another one."""

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local_redshift.session.masking import masked
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

Session = psycopg.Connection[Any]
SECRET = "Erin1TopSecret99"
PASSWORDS = [
    f"password '{SECRET}'",
    f"password'{SECRET}'",
    f"PASSWORD /* c */ '{SECRET}'",
    f"password -- c\n'{SECRET}'",
    f"password\t$${SECRET}$$",
    f"password $tag${SECRET}$tag$",
    f"password e'{SECRET}'",
    f"password E'{SECRET}'",
    f"with password '{SECRET}'",
    f"createdb password '{SECRET}' valid until '2099-01-01'",
]


@pytest.fixture
def admin(redshift: Connection) -> Iterator[Session]:
    with redshift.psycopg(autocommit=True) as connection:
        yield connection
        connection.execute("drop user if exists erin")


def everything_logged(redshift_server: RedshiftServer, admin: Session) -> str:
    """All that the views show to the admin, and PostgreSQL's log."""
    parts = [
        str(admin.execute(f"select * from {view}").fetchall())
        for view in ("stl_query", "stl_querytext", "stl_ddltext", "stl_utilitytext", "svl_statementtext", "svl_qlog")
    ]
    parts += [
        str(admin.execute(f"select * from {view}").fetchall())
        for view in ("sys_query_history", "sys_query_text", "stv_recents", "stv_inflight", "pg_stat_activity")
    ]
    return "".join(parts) + (redshift_server.pg.data / "server.log").read_text()


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("form", ["create user erin {}", "alter user erin {}", "create user awsuser {}"])
def test_a_password_is_neither_shown_nor_logged(
    redshift_server: RedshiftServer, redshift: Connection, admin: Session, password: str, form: str
) -> None:
    if form.startswith("alter"):
        admin.execute("create user erin password 'Another123'")
    with redshift.psycopg(autocommit=True) as other:  # idle after it, so STV_RECENTS shows the statement
        if "awsuser" in form:
            with pytest.raises(psycopg.errors.DuplicateObject):
                other.execute(form.format(password))
        else:
            other.execute(form.format(password))
        shown = everything_logged(redshift_server, admin)
    assert "erin" in shown or "awsuser" in shown
    assert SECRET not in shown
    if "awsuser" not in form:
        with psycopg.connect(redshift.dsn(), user="erin", password=SECRET) as session:
            assert session.execute("select current_user").fetchone() == ("erin",)


def test_a_password_that_is_hashed_already_is_taken_as_it_is(redshift: Connection, admin: Session) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html"""
    digest = "md5" + hashlib.md5(f"{SECRET}erin".encode()).hexdigest()
    admin.execute(f"create user erin password '{digest}'")
    with redshift.psycopg(autocommit=True) as other:
        assert other.execute("select usename from pg_user where usename = 'erin'").fetchone() == ("erin",)


@pytest.mark.parametrize("bad", ["Pässword123", "Pass word123", "Pass\\\\word123", "Pass/word123", "Pass@word123"])
def test_a_password_with_other_characters_is_refused(admin: Session, bad: str) -> None:
    with pytest.raises(psycopg.Error, match="password"):
        admin.execute(f"create user erin password '{bad}'")


@pytest.mark.parametrize("kind", ["role", "group"])
@pytest.mark.parametrize("verb", ["create", "alter"])
def test_a_role_or_group_has_no_password(admin: Session, verb: str, kind: str) -> None:
    with pytest.raises(psycopg.Error) as error:
        admin.execute(f"{verb} {kind} erin password '{SECRET}'")
    assert error.value.sqlstate == "42601"
    assert SECRET not in str(admin.execute("select query_text, error_message from sys_query_history").fetchall())


@pytest.mark.parametrize(
    "sql",
    [
        f"create user u password '{SECRET}",
        f"create user u password U&'{SECRET}'",
        f"create user u password {SECRET}",
        f'create user u password "{SECRET}"',
        f"alter user u password '{SECRET}' '{SECRET}'",
        f"create user u password 'x' || '{SECRET}'",
        f"create /* password */ user u pass\u00adword password '{SECRET}'",
        f"copy t from 's3://b' credentials 'aws_access_key_id=A;aws_secret_access_key={SECRET}' csv",
        f"copy t from 's3://b' credentials as $$aws_iam_role={SECRET}$$ csv",
        f"copy t from 's3://b' with credentials'aws_secret_access_key={SECRET}'",
        f"copy t from 's3://b' access_key_id '{SECRET}' secret_access_key /* c */ '{SECRET}' session_token'{SECRET}'",
        f"unload ('select 1') to 's3://b' master_symmetric_key '{SECRET}' encrypted",
        f"copy t from 's3://b' iam_role default master_symmetric_key as '{SECRET}'",
        f"select 1 from t where secret_access_key = '{SECRET}'",
        f"set session_token to '{SECRET}'",
    ],
)
def test_secrets_are_masked_by_tokens(sql: str) -> None:
    text, error = masked(sql, f"syntax error at or near \"'{SECRET}'\"")
    assert SECRET not in text
    assert SECRET not in (error or "")


@pytest.mark.parametrize(
    "sql",
    [
        "select 'a password' as x, 'b' from t where name = 'password'",
        "select \"password\" from t where x = 'visible'",
        "create user u password disable valid until 'visible'",
        "select 1 /* password */ , 'visible'",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(sql: str) -> None:
    assert masked(sql, "visible") == (sql, "visible")


def test_a_failed_statement_is_not_in_the_log_of_postgresql(redshift_server: RedshiftServer, admin: Session) -> None:
    marker = uuid.uuid4().hex
    for sql in (f"select * from missing where a = '{marker}'", f"select 1 / 0, '{marker}'"):
        with pytest.raises(psycopg.Error):
            admin.execute(sql)
    assert marker not in (redshift_server.pg.data / "server.log").read_text()
    with pytest.raises(psycopg.Error):
        admin.execute("set log_min_error_statement to error")
    admin.execute("reset all")
    assert admin.execute("select current_setting('log_min_error_statement')").fetchone() == ("panic",)


@pytest.mark.parametrize(
    "sql",
    [
        "select set_config('standard_conforming_strings', 'on', false)",
        "select set_config('STANDARD_' || 'conforming_strings', 'on', true)",
        "update pg_settings set setting = 'on' where name = 'standard_conforming_strings'",
        "set standard_conforming_strings to on",
        'set "standard_conforming_strings" to on',
        "set client_encoding to 'SJIS'",
        "select set_config('client_encoding', 'BIG5', false)",
        "set names 'LATIN1'",
    ],
)
def test_what_the_lexer_relies_on_is_fixed(admin: Session, sql: str) -> None:
    with pytest.raises(psycopg.Error):
        admin.execute(sql)
    assert admin.execute(r"select '\'; select \\', '2'").fetchone() == (r"'; select \ ".strip(), "2")
    assert admin.execute("select current_setting('client_encoding')").fetchone() == ("UTF8",)


def test_neither_a_user_nor_a_database_changes_what_the_lexer_relies_on(redshift: Connection, admin: Session) -> None:
    admin.execute(f"alter database {redshift.database} set standard_conforming_strings to on")
    admin.execute("alter user awsuser set standard_conforming_strings to on")
    try:
        options = "-c standard_conforming_strings=on -c client_encoding=SJIS"
        with redshift.psycopg(autocommit=True, options=options) as other:
            assert other.execute(r"select '\''").fetchone() == ("'",)
            other.execute("reset all")
            assert other.execute(r"select '\''").fetchone() == ("'",)
    finally:
        admin.execute("alter user awsuser reset all")


@pytest.mark.parametrize("encoding", ["SJIS", "BIG5", "GBK", "LATIN1"])
def test_a_login_with_another_encoding_is_refused(redshift: Connection, encoding: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="client_encoding"):
        redshift.psycopg(client_encoding=encoding)


@pytest.mark.parametrize("encoding", ["UTF8", "utf-8", "UNICODE", "SQL_ASCII"])
def test_a_login_with_utf8_is_taken(redshift: Connection, encoding: str) -> None:
    with redshift.psycopg(client_encoding=encoding) as session:
        assert session.execute("show client_encoding").fetchone() == ("UTF8",)
        session.execute("set client_encoding to 'utf-8'")
        session.execute("reset client_encoding")
