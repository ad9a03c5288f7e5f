"""Settings that hold a secret may stand in a file of their own, as containers hand them out."""

from pathlib import Path

import pytest

from precedent.errors import Misconfigured
from precedent.settings import SETTINGS, load, origins

SECRET = "a secret of at least 32 characters, no less"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(SECRET.encode() + ending.encode())
    monkeypatch.setenv("SCHEDULER_API_TOKEN_FILE", str(path))
    settings = load(data_dir=tmp_path)
    assert settings.scheduler_token == SECRET
    shown = {each.name: each for each in origins(settings, data_dir=tmp_path)}["scheduler_token"]
    assert (shown.value, shown.origin) == ("***", str(path))


def test_every_secret_may_be_in_a_file_and_the_databases_password_too() -> None:
    assert {name for name, each in SETTINGS.items() if each.secret} | {"database_url"} == {
        name for name, each in SETTINGS.items() if each.file
    }


def test_a_list_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hooks").write_text('["https://hooks.example.com/a"]\n')
    monkeypatch.setenv("PRECEDENT_ALERT_WEBHOOKS_FILE", str(tmp_path / "hooks"))
    assert load(data_dir=tmp_path).alert_webhooks == ("https://hooks.example.com/a",)


@pytest.mark.parametrize(
    "content", [None, b"", b"\n", b"\xff\xfe", b"x" * 70_000], ids=["none", "empty", "nl", "bytes", "long"]
)
def test_a_file_that_cannot_be_used_stops_the_start_and_its_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("POSTHOG_API_KEY_FILE", str(tmp_path / "secret"))
    with pytest.raises(Misconfigured, match="POSTHOG_API_KEY_FILE"):
        load(data_dir=tmp_path)


def test_a_variable_and_its_file_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("SCHEDULER_API_TOKEN", SECRET)
    monkeypatch.setenv("SCHEDULER_API_TOKEN_FILE", str(tmp_path / "secret"))
    with pytest.raises(Misconfigured, match="both set"):
        load(data_dir=tmp_path)
