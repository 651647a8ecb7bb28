from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from local.stack import state_dir


def test_secrets_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    first, second = state_dir.create(tmp_path), state_dir.create(tmp_path)

    assert first.secrets == second.secrets
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len(set(first.secrets.values())) == len(first.secrets)


def test_two_state_directories_share_no_secret(tmp_path: Path) -> None:
    one, other = state_dir.create(tmp_path / "one"), state_dir.create(tmp_path / "other")

    assert not set(one.secrets.values()) & set(other.secrets.values())


def test_ports_stay_the_same_when_they_are_free(tmp_path: Path) -> None:
    first = state_dir.create(tmp_path, new_ports=True)

    assert state_dir.create(tmp_path, new_ports=True).ports == first.ports


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_another_program_took_is_avoided(tmp_path: Path, address: str) -> None:
    before = state_dir.create(tmp_path, new_ports=True).ports
    with socket.create_server((address, before["ui"])):
        after = state_dir.create(tmp_path, new_ports=True).ports

    assert after["ui"] != before["ui"]
    assert {**after, "ui": 0} == {**before, "ui": 0}


def test_the_ports_of_a_running_stack_are_read_unchanged(tmp_path: Path) -> None:
    ports = state_dir.create(tmp_path, new_ports=True).ports
    with socket.create_server(("127.0.0.1", ports["ui"])):
        assert state_dir.create(tmp_path).ports == ports


def test_a_state_directory_belongs_to_one_stack_at_a_time(tmp_path: Path) -> None:
    with state_dir.lock(tmp_path):
        assert state_dir.is_locked(tmp_path)
        with pytest.raises(state_dir.StateDirInUseError, match=str(tmp_path)), state_dir.lock(tmp_path, timeout=0):
            pass

    assert not state_dir.is_locked(tmp_path)


def modes(path: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.iterdir()}


def test_other_users_may_not_enter_a_state_directory_nor_what_earlier_versions_made(tmp_path: Path) -> None:
    path = tmp_path / "state"
    for folder in ("logs", "s3", "airflow", "run"):
        (path / folder).mkdir(parents=True)
        (path / folder).chmod(0o755)
    path.chmod(0o755)

    state_dir.create(path)

    assert stat.S_IMODE(path.stat().st_mode) & 0o066 == 0
    assert {mode for name, mode in modes(path).items() if (path / name).is_dir()} == {0o700}


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    write = Path.write_text

    def observed(path: Path, text: str) -> int:
        seen.append(stat.S_IMODE(path.stat().st_mode))
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", observed)
    state_dir.write_private(tmp_path / "secret", "text")

    assert seen == [0o600]
