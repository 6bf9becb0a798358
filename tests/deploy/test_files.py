"""Image and unit: as the chart and the worker expect them. systemd says itself whether it can read the unit."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from stream_processors.settings import load_settings
from stream_processors.worker import SHUTDOWN_SECONDS

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "secencoder-worker.service"
LEAST_EXPOSED = 2.0
"""Of systemd's levels from 0 to 10, those up to 4 are good; writable and executable memory is all that is missing."""


SETTINGS = """
[kafka]
security_protocol = "SASL_SSL"
sasl_mechanism = "PLAIN"
sasl_username = "reader"
[alerts]
webhook_url = "https://hooks.example.com/"
"""


def build_stages() -> tuple[str, str]:
    first, second = re.split(r"^FROM .*$", (ROOT / "Dockerfile").read_text(), flags=re.M)[1:]
    return first, second


def test_the_image_is_built_from_what_docker_is_sent():
    ignore = (ROOT / ".dockerignore").read_text().split("\n")
    first, second = build_stages()
    copied = [path for line in re.findall(r"^COPY (?!--)(.*)$", first, re.M) for path in line.split()[:-1]]
    assert {f"!{path}" for path in copied} == {line for line in ignore if line.startswith("!")}
    assert all((ROOT / path).exists() for path in copied)
    assert "COPY ." not in second.replace("COPY --from=build", "")


def test_the_image_runs_as_the_charts_user_and_has_nothing_to_build_with():
    values = yaml.safe_load((ROOT / "deploy/helm/secencoder-streams/values.yaml").read_text())
    _, second = build_stages()
    user = values["podSecurityContext"]["runAsUser"]
    assert re.search(rf"^USER {user}:{user}$", second, re.M)
    assert f"--uid {user} " in second
    assert not re.search(r"apt-get|pip |gcc|compile", second)
    assert "HEALTHCHECK" in second
    assert "/healthz" in second


def test_the_unit_gives_the_worker_the_time_it_takes_to_stop():
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    assert int(service["TimeoutStopSec"]) > SHUTDOWN_SECONDS
    assert service["Type"] == "exec"
    assert f"/var/cache/{service['CacheDirectory']}" == "/var/cache/secencoder"
    assert "XDG_CACHE_HOME=/var/cache" in service["Environment"]


def test_the_environment_of_the_example_can_be_read(tmp_path):
    lines = (UNIT.parent / "worker.env.example").read_text().splitlines()
    environ = dict(line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?SECENCODER_\w+=", line))
    path = tmp_path / "secencoder.toml"
    path.write_text(SETTINGS)
    settings = load_settings(path, environ=environ)
    assert None not in (settings.kafka.sasl_password, settings.redis.password, settings.alerts.webhook_header)


def test_systemd_reads_the_unit_and_finds_it_well_closed(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    installed = tmp_path / UNIT.name  # with a program and users that this machine has
    text = UNIT.read_text().replace("/opt/secencoder/bin/secencoder", "/bin/true")
    installed.write_text(re.sub(r"^(User|Group)=.*$", r"\1=daemon", text, flags=re.M))
    checked = subprocess.run(
        ["systemd-analyze", "verify", installed], capture_output=True, text=True, check=False
    )
    said = checked.stdout + checked.stderr
    assert (checked.returncode, [line for line in said.splitlines() if UNIT.name in line]) == (0, [])
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"exposure level for .*: ([\d.]+)", answer)
    if found is None:
        pytest.skip("this systemd-analyze can't look at a unit that is not installed")
    assert float(found[1]) <= LEAST_EXPOSED
