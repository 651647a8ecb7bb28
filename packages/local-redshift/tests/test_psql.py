"""psql, the embedded PostgreSQL's own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local_redshift.storage import embedded_postgres
from local_redshift.testing.pytest_plugin import Connection

RunPsql = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_psql(empty_redshift: Connection) -> RunPsql:
    """A function that runs psql with arguments and a script on its input, and returns the finished process."""

    def run(*arguments: str, script: str = "") -> subprocess.CompletedProcess[str]:
        server = ["-h", empty_redshift.host, "-p", str(empty_redshift.port)]
        command = [str(embedded_postgres.bin_dir() / "psql"), "-X", "-A", "-t", *server]
        return subprocess.run(
            [*command, "-U", empty_redshift.user, "-v", "VERBOSITY=verbose", *arguments, empty_redshift.database],
            env={**os.environ, "PGPASSWORD": empty_redshift.password},
            input=script,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_psql_runs_statements_of_every_kind(run_psql: RunPsql) -> None:
    done = run_psql(
        *("-c", "create table t (a int distkey, b varchar(9)) sortkey (a)"),
        *("-c", "insert into t values (1, '한글'), (2, null)"),
        *("-c", "analyze t"),
        *("-c", "select a, nvl(b, '-') from t order by a"),
        *("-c", "truncate t; select count(*) from t"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    # A string of several statements shows all of their results; TRUNCATE's tag comes first.
    assert done.stdout.split("\n")[2:] == ["ANALYZE", "1|한글", "2|-", "TRUNCATE TABLE", "0", ""]


def test_psql_exit_codes_tell_a_failed_statement_and_a_failed_script(run_psql: RunPsql) -> None:
    failed = run_psql("-c", "create index i on t (a)")
    assert failed.returncode == 1
    assert "0A000" in failed.stderr
    script = "create table t (a int);\nselect no_such_column from t;\nselect 'after';\n"
    assert run_psql(script=script).returncode == 0
    stopped = run_psql("-v", "ON_ERROR_STOP=1", "-f", "-", script=script.replace("table t", "table t2"))
    assert stopped.returncode == 3
    assert "after" not in stopped.stdout
    assert "42703" in stopped.stderr


def test_psql_copy_through_the_connection_is_refused_and_the_session_goes_on(run_psql: RunPsql, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("1\n2\n")
    copies = f"\\copy t from '{file}' csv\n\\copy t to '{tmp_path / 'out.csv'}' csv\n"
    done = run_psql(script=f"create table t (a int);\n{copies}select 'on', count(*) from t;\n")
    assert done.stderr.count("0A000") == 2
    assert done.stdout.endswith("on|0\n")


def test_psql_transactions_cursors_and_variables(run_psql: RunPsql) -> None:
    script = """\\set ON_ERROR_STOP 1
\\set FETCH_COUNT 2
create table t as select row_number() over (order by attrelid, attnum) as n from pg_attribute limit 5;
begin;
delete from t where n > 3;
select n from t order by n;
rollback;
\\bind 4
select n from t where n >= $1 order by n \\g
select count(*) from t \\gset
\\echo :count
"""
    done = run_psql("-q", script=script)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1", "2", "3", "4", "5", "5"]
