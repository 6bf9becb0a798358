"""Dashboard, alert rules and what mounts them: what can be checked without a worker."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
PAGE = ROOT / "docs" / "metrics.md"
PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Prometheus, is not installed")
@pytest.mark.parametrize(("what", "path"), [("rules", RULES), ("config", RULES.with_name("prometheus.yml"))])
def test_promtool_takes_it(what, path):
    done = subprocess.run([PROMTOOL, "check", what, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Prometheus, is not installed")
def test_rules_fire_when_they_should_and_not_before(tmp_path):
    """A topic that falls back by 100 messages a minute, one that stands still, and one that is well."""
    series = {
        'secencoder_lag_messages{topic="slow",partition="0"}': "20000+100x60",
        'secencoder_lag_messages{topic="well",partition="0"}': "20000-100x60",
        'secencoder_stalled_seconds{topic="slow",partition="0"}': "0x60",
        'secencoder_stalled_seconds{topic="still",partition="1"}': "0+60x60",
        'secencoder_lines_total{topic="slow",source=""}': "0+50x60",
        'secencoder_lines_total{topic="still",source=""}': "7x60",
        'secencoder_sink_waiting_seconds{sink="webhook"}': "0+60x60",
        'secencoder_sink_waiting_seconds{sink="topic"}': "0x60",
        'secencoder_dead_letters_total{topic="slow"}': "0x40 3x20",
        'secencoder_dead_letters_total{topic="well"}': "0x60",
    }
    expected = {
        "SecEncoderLagGrows": [{"topic": "slow", "severity": "warning"}],
        "SecEncoderPartitionStuck": [{"topic": "still", "partition": "1", "severity": "critical"}],
        "SecEncoderNoLines": [{"topic": "still", "severity": "warning"}],
        "SecEncoderOutboxBehind": [{"sink": "webhook", "severity": "critical"}],
        "SecEncoderDeadLetters": [{"topic": "slow", "severity": "warning"}],
    }
    alerting = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{name}",alertstate="firing"}}',
                "eval_time": when,
                "exp_samples": [
                    {"labels": labelled(name, labels), "value": 1} for labels in (found if late else [])
                ],
            }
            for name, found in expected.items()
            for when, late in (("1m", False), ("50m", True))
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [alerting]})
    )
    done = subprocess.run([PROMTOOL, "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def labelled(name: str, labels: dict[str, str]) -> str:
    """Prometheus' own series of an alert that fires."""
    every = {"alertname": name, "alertstate": "firing", **labels}
    pairs = ", ".join(f'{key}="{value}"' for key, value in sorted(every.items()))
    return f"ALERTS{{{pairs}}}"


def test_every_rule_says_what_it_means():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["description"], rule["alert"]


def test_what_the_compose_file_mounts_and_the_page_names_is_there():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    mounted = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", [])]
    ours = [ROOT / path for path in mounted if path.startswith("./")]
    named = [ROOT / path for path in re.findall(r"`(deploy/[\w./-]+)`", PAGE.read_text())]
    assert (len(ours), len(named)) == (3, 4)
    assert [path for path in [*ours, *named] if not path.exists()] == []
    ((job,), port) = yaml.safe_load(RULES.with_name("prometheus.yml").read_text())["scrape_configs"], 8080
    assert [one["port"] for one in job["dns_sd_configs"]] == [port]
    assert services["worker"]["environment"]["SECENCODER_HEALTH__HOST"] == "0.0.0.0"
