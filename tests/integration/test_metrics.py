"""What a real worker serves is what the dashboard and the alert rules ask for, and what its traces tell."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from stream_processors.demo.servers import free_port
from tests.collector import attributes, collector
from tests.integration.harness import ROOT, log_lines, wait_until
from tests.integration.webhook import webhook
from tests.promql import plain, unknown

DEPLOY = ROOT / "deploy"
PROMETHEUS = shutil.which("prometheus")
TRACES = find_spec("opentelemetry.sdk") is not None
ADDED = ("job", "instance")
"""Labels that Prometheus adds."""
OF_PROMETHEUS = {"up": [{}]}


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()


def series(text: str) -> dict[str, list[dict[str, str]]]:
    """Name of a sample to the labels of each of its series."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def total(text: str, name: str) -> float:
    """Sum of a metric over all of its series."""
    families = text_string_to_metric_families(text)
    return sum(s.value for family in families for s in family.samples if s.name == name)


def queries() -> dict[str, str]:
    """Every expression of the dashboard, by the title of its panel, with Grafana's variables filled in."""
    board = json.loads((DEPLOY / "grafana" / "secencoder.json").read_text())
    return {
        f"{panel['title']} {target['refId']}": plain(target["expr"], topic=".*", __rate_interval="1m")
        for panel in board["panels"]
        for target in panel.get("targets", [])
    }


def rules() -> dict[str, str]:
    """Every expression of the alert rules, by name."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


@contextmanager
def prometheus(port: int, folder: Path) -> Iterator[str]:
    """A real Prometheus with our rules that scrapes one worker each second; the address of its API."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / "rules.yml")]
    (job,) = config["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    own = f"127.0.0.1:{free_port()}"
    command = [
        *(PROMETHEUS, f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address={own}"),
        f"--storage.tsdb.path={folder / 'data'}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield f"http://{own}/api/v1"
    finally:
        process.terminate()
        process.wait(30)


def asked(api: str, path: str, **parameters: str) -> dict:
    """What Prometheus answers; empty while it does not."""
    try:
        with urllib.request.urlopen(
            f"{api}/{path}?{urllib.parse.urlencode(parameters)}", timeout=10
        ) as answer:
            return json.load(answer)["data"]
    except (OSError, ValueError):
        return {}


def check_with_prometheus(port: int, folder: Path) -> None:
    """Every query has an answer, and every rule one or none."""
    with prometheus(port, folder) as api:
        scrapes = 'count_over_time(up{job="secencoder"}[1m]) > 2'
        wait_until(lambda: asked(api, "query", query=scrapes).get("result"), "three scrapes")
        answers = {name: asked(api, "query", query=query).get("result") for name, query in queries().items()}
        assert [name for name, found in answers.items() if not found] == []
        found = [rule for group in asked(api, "rules")["groups"] for rule in group["rules"]]
        assert {rule["name"] for rule in found} == set(rules())
        assert [(rule["name"], rule["lastError"]) for rule in found if rule["health"] == "err"] == []
        firing = {rule["name"] for rule in found if rule["state"] == "firing"}
        assert firing == set(), "nothing is wrong with this worker"


def test_dashboard_and_rules_ask_for_what_a_worker_serves(stream_factory, tmp_path):
    port = free_port()
    stream = stream_factory(
        2, HEALTH__PORT=str(port), DETECTION__WARMUP="100", DETECTION__ALERT_BUDGET="top 2 %"
    )
    stream.produce(log_lines(600, distinct=40), partitions=2)
    with webhook() as hook, collector() as traces:
        options = {"ALERTS__WEBHOOK_URL": hook.url}
        if TRACES:
            options["TELEMETRY__ENDPOINT"] = traces.url
        with stream.worker(**options) as worker:
            stream.wait_until_done()
            stream.produce(
                [*log_lines(200, distinct=40, seed=1), b"kernel: out of memory, killed 4711"], partitions=2
            )
            stream.wait_until_done()
            stream.wait_until(lambda: hook.keys(200), "an alert at the webhook")
            stream.wait_until(lambda: total(scrape(port), "secencoder_lag_messages") == 0, "no lag")
            text = scrape(port)
            stats = stream.store.stats(stream.topic)
            counted = {
                "lines": stats.lines,
                "parse_errors": stats.parse_errors,
                "new_templates": 2 * stats.templates,  # each partition learns them
                "flagged_lines": len(stream.store.anomalies(stream.topic, limit=1_000)),
                "rebalances": 1,
                "fences": 0,
                "store_errors": 0,
            }
            served = {name: total(text, f"secencoder_{name}_total") for name in counted}
            assert served | {"new_templates": 0} == counted | {"new_templates": 0}, worker.tail()
            assert stats.templates <= served["new_templates"] <= counted["new_templates"]
            assert total(text, "secencoder_applied_offset") == 801
            assert total(text, "secencoder_open_partitions") == 2
            assert total(text, "secencoder_store_sent_bytes_total") > 801
            newest = total(text, "secencoder_applied_timestamp_seconds") / 2
            assert abs(newest - time.time()) < 3_600
            stages = Counter(
                {labels["stage"]: 1 for labels in series(text)["secencoder_stage_seconds_count"]}
            )
            assert len(stages) == 7

            known = series(text) | OF_PROMETHEUS
            expressions = queries() | rules()
            assert len(expressions) > 60
            lacking = {name: unknown(one, known, ADDED) for name, one in expressions.items()}
            assert {name: missing for name, missing in lacking.items() if missing} == {}
            if PROMETHEUS:
                check_with_prometheus(port, tmp_path)
            assert worker.terminate() == 0
            assert "Traceback" not in worker.text(), worker.tail()
    if TRACES:
        check_traces(traces.spans, stream.topic)


def check_traces(spans: list, topic: str) -> None:
    """Each batch has its stages, and their lines are those of the topic."""
    by_name: dict[str, list[dict]] = {}
    for span in spans:
        about = attributes(span)
        assert about["messaging.destination.name"] == topic
        by_name.setdefault(span.name, []).append(about)
    assert set(by_name) == {"batch", "fetch", "read", "match", "embed", "detect", "apply", "commit"}
    for stage in ("match", "detect", "apply"):
        assert sum(about.get("secencoder.lines", 0) for about in by_name[stage]) == 801, stage
    assert sum(about["messaging.batch.message_count"] for about in by_name["batch"]) == 801
    batches = {span.span_id for span in spans if span.name == "batch"}
    assert {span.parent_span_id for span in spans if span.name != "batch"} <= batches
