"""What other users of the machine meet: no listener beyond it, no secret in an argument, no open temporary folder."""

import contextlib
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.sampling import sampling

from local_redshift.storage import embedded_postgres
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer, beside


@pytest.fixture
def processes(redshift_server: RedshiftServer, shared_redshift: Connection) -> Iterator[list[psutil.Process]]:
    """The server's processes while somebody is logged in."""
    postgres = embedded_postgres.server_process(redshift_server.pg)
    assert postgres is not None
    with shared_redshift.psycopg():
        yield [*psutil.Process().children(recursive=True), postgres, *postgres.children(recursive=True)]


def test_nothing_listens_beyond_this_machine(redshift_server: RedshiftServer, processes: list[psutil.Process]) -> None:
    listening = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found = process.net_connections("inet")
            listening |= {(one.laddr.ip, one.laddr.port) for one in found if one.status == psutil.CONN_LISTEN}
    assert {address for address, _ in listening} == {"127.0.0.1"}
    assert {port for _, port in listening} >= {redshift_server.port, int(redshift_server.s3_endpoint.split(":")[2])}


def test_no_secret_is_in_the_arguments_of_a_process(
    redshift_server: RedshiftServer, processes: list[psutil.Process]
) -> None:
    secrets = {redshift_server.password, redshift_server.pg.password, redshift_server.secret_key}
    commands = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            commands.append(" ".join(process.cmdline()))
    for program in ("-m local_redshift", "-m local_redshift.storage.s3_server", "/bin/postgres -D"):
        assert [command for command in commands if program in command], program
    assert [command for command in commands if any(secret in command for secret in secrets)] == []


@contextlib.contextmanager
def modes_in(folder: Path) -> Iterator[dict[str, int]]:
    """The mode of each entry that a folder has during the block, by its name."""
    modes: dict[str, int] = {}

    def look() -> None:
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                modes[path.name] = stat.S_IMODE(path.stat().st_mode)

    with sampling(look, 0.001):
        yield modes


@pytest.mark.slow
def test_the_temporary_folders_of_copy_and_unload_are_their_users_alone_and_do_not_stay(
    redshift_server: RedshiftServer, shared_redshift: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, prefix = tmp_path / "tmp", f"s3://lake/{uuid.uuid4()}"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    redshift_server.s3.put_object(Bucket="lake", Key=f"{prefix[10:]}/bad.parquet", Body=b"PAR1 and no more")
    with (
        beside(redshift_server, tmp_path) as server,
        server.connection(shared_redshift.database).psycopg(autocommit=True) as session,
        modes_in(temporary) as modes,
    ):
        session.execute("drop table if exists n; drop table if exists numbers")
        session.execute("create table numbers as select row_number() over () as n from pg_attribute limit 3000")
        session.execute("create table n (like numbers)")
        for kind in ("parquet", "json"):
            for number in range(2):
                session.execute(
                    f"unload ('select n from numbers') to '{prefix}/{kind}/{number}/' iam_role default format {kind}"
                )
            options = "format parquet" if kind == "parquet" else "json 'auto'"
            session.execute(f"copy n from '{prefix}/{kind}/' iam_role default {options}")
        assert session.execute("select count(*) from n").fetchone() == (12_000,)
        for sql in (
            f"copy n from '{prefix}/bad.parquet' iam_role default format parquet",
            f"unload ('select 1 / (n - 3000) from n') to '{prefix}/failed/' iam_role default",
        ):
            with pytest.raises(psycopg.Error):
                session.execute(sql)
        assert list(temporary.iterdir()) == []
    assert {name.rsplit("-", 1)[0] for name in modes} == {
        "redshift-unload",
        "redshift-parquet",
        "redshift-json",
    }
    assert set(modes.values()) == {0o700}
    assert len(modes) > 4
