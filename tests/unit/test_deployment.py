"""The files for deployment name commands, settings and paths that exist, and keep what they promise."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from precedent.cli import COMMANDS
from precedent.settings import SETTINGS

DEPLOY = Path(__file__).parents[2] / "deploy"
ROOT = DEPLOY.parent
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"].startswith("precedent")}
UNITS = ["precedent.service", "precedent@.service"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")


def variables() -> set[str]:
    plain = {each.variable for each in SETTINGS.values()}
    return plain | {f"{each.variable}_FILE" for each in SETTINGS.values() if each.file}


def test_compose_has_the_processes_of_a_team() -> None:
    count = {name: each.get("deploy", {}).get("replicas", 1) for name, each in COMPOSE["services"].items()}
    assert count == {"database": 1, "api": 2, "worker": 3, "scheduler": 2}


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_with_settings_that_exist(name: str) -> None:
    service = OURS[name]
    assert service["command"] == [name]
    assert name in COMMANDS
    assert set(service["environment"]) <= variables()


@pytest.mark.parametrize("name", OURS)
def test_a_service_has_secrets_as_files_only(name: str) -> None:
    service = OURS[name]
    secret = {each.variable for each in SETTINGS.values() if each.file}
    assert not secret & set(service["environment"])
    used = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
    assert used == {f"/run/secrets/{each}" for each in service["secrets"]}
    assert set(service["secrets"]) <= set(COMPOSE["secrets"])


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_as_nobody_special_on_a_root_that_it_cannot_write(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["user"] == "10001:10001"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {each.partition(":")[0] for each in service.get("volumes", [])} <= set(COMPOSE["volumes"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_scheduler_has_no_part_in_the_database() -> None:
    assert not [each for each in OURS["scheduler"]["environment"] if "DATABASE" in each]
    assert OURS["scheduler"]["networks"] == ["inside"]


def test_the_image_is_built_from_the_lock_and_runs_as_nobody_special() -> None:
    assert re.search(r"pip install --require-hashes\b.*-r requirements/run\.txt", DOCKERFILE)
    assert "USER 10001:10001" in DOCKERFILE
    assert DOCKERFILE.count("FROM ${PYTHON_IMAGE}") == 2
    assert set(re.findall(r"\b(PRECEDENT_[A-Z_]+)=", DOCKERFILE)) <= variables()
    assert re.search(r'^CMD \["serve"\]$', DOCKERFILE, re.MULTILINE)
    assert "HEALTHCHECK" in DOCKERFILE and "/readyz" in DOCKERFILE


def test_the_image_is_built_from_files_that_exist_and_are_not_left_out() -> None:
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {
        each for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for each in line.split()
    }
    assert copied == kept
    assert all((ROOT / each).exists() for each in copied)


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(DEPLOY / name)
    return found


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_a_command_that_exists_with_settings_that_exist(name: str) -> None:
    command = unit(name)["Service"]["ExecStart"].split()
    assert command[0] == "/opt/precedent/bin/precedent"
    assert command[1] == ("%i" if "@" in name else "serve")
    text = (DEPLOY / name).read_text("utf-8")
    assert set(re.findall(r"^Environment=(\w+)=", text, re.MULTILINE)) <= variables()


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_takes_rights_away(name: str) -> None:
    service = unit(name)["Service"]
    wanted = {
        "User": "precedent", "NoNewPrivileges": "true", "CapabilityBoundingSet": "", "ProtectSystem": "strict",
        "ProtectHome": "true", "PrivateTmp": "true", "RestrictSUIDSGID": "true", "UMask": "0077",
    }  # fmt: skip
    assert {key: service[key] for key in wanted} == wanted
    assert int(service["TimeoutStopSec"]) > 5


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, tmp_path: Path) -> None:
    copy = tmp_path / name.replace("@", "@worker")
    copy.write_text((DEPLOY / name).read_text("utf-8").replace("/opt/precedent/bin/precedent", "/bin/true"))
    command = ["systemd-analyze", "verify", str(copy)]
    found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stderr) == (0, "")
