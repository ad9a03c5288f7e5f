"""Secrets by name: from a variable of their own or a file in one folder, and from nowhere else."""

from pathlib import Path

import pytest

from precedent.errors import BadInput, Misconfigured
from precedent.security.secret_references import SecretStore


def test_a_variable_comes_before_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git-token").write_text("from the file\r\n")
    assert SecretStore(tmp_path).resolve("git-token") == "from the file"
    monkeypatch.setenv("PRECEDENT_SECRET_GIT_TOKEN", "from the variable")
    assert SecretStore(tmp_path).resolve("git-token") == "from the variable"
    assert SecretStore().resolve("git-token") == "from the variable"


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "A", "a b", "-a", "a" * 64, "a\0", "a\n", "./a", "é"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_text("outside")
    (tmp_path / "inside").mkdir()
    with pytest.raises(BadInput):
        SecretStore(tmp_path / "inside").resolve(name)


def test_no_other_variable_of_the_server_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER_API_TOKEN", "not for them")
    with pytest.raises(Misconfigured, match="PRECEDENT_SECRET_SCHEDULER_API_TOKEN"):
        SecretStore().resolve("scheduler_api_token")


def test_a_link_a_folder_nothing_and_too_much_are_no_secret(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("secret of somebody else")
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "folder").mkdir()
    (folder / "empty").write_text("\n")
    (folder / "large").write_text("x" * 65_537)
    (folder / "binary").write_bytes(b"\xff\xfe")
    for name in ("link", "folder", "empty", "large", "binary", "absent"):
        with pytest.raises(Misconfigured) as told:
            SecretStore(folder).resolve(name)
        assert name in str(told.value)
        assert "somebody" not in str(told.value)
