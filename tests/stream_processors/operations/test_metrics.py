from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.alerts import AlertChange
from connectors.findings import Changes, Findings, Merge, Template
from connectors.redis.traffic import Traffic
from encoder_core.encoder import EncoderStats
from stream_processors.operations.metrics import OTHERS, STAGES, Metrics, PartitionState

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(secencoder_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", re.M)


def scraped(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Name of a sample and its labels' values to its value."""
    text = asyncio.run(metrics.scrape()).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def alert(count: int) -> AlertChange:
    return AlertChange("p", count, (), None, None, None)


def template(id: str, pattern: str, text: str = "a <*>") -> Template:
    return Template(id, text, pattern, 1, 0.0, 0.0)


def step(**parts: Findings) -> Changes:
    return Changes("logs", 0, None, 9, parts={name.strip("_"): part for name, part in parts.items()})


def filled() -> Metrics:
    """One of which every series has a value."""
    metrics = Metrics(version="1.2", model="tiny@3")
    metrics.encoders = {"full": SimpleNamespace(stats=EncoderStats(5, 2), cache=SimpleNamespace(bytes=7))}
    metrics.traffic = Traffic()
    metrics.partitions = lambda: [PartitionState("logs", 0, True, 9, 1, 3.0, 0.0)]
    metrics.sinks = [
        SimpleNamespace(
            name="webhook", sent=1, refused=0, failures=2, positions={"logs": 3}, waiting_seconds=1.5
        )
    ]
    metrics.assigned(["logs"])
    metrics.applied(step())
    return metrics


def test_a_step_counts_by_topic_and_source():
    metrics = Metrics()
    web = Findings("logs/web", lines=40, parse_errors=2, cut=1)
    web.alerts = [alert(3), alert(0)]  # the second one is over, and no alert
    web.anomalies = [None] * 3
    web.templates = [template("a", "a"), template("b", "a"), template("c", "", text="")]
    web.merges = [Merge("x", "a", 0.0, "")]
    changes = step(web=web)
    changes.lines, changes.dead_letters, changes.expired = 2, 5, 6
    metrics.applied(changes)
    metrics.applied(changes)
    found = scraped(metrics)
    of_web = {
        name: found[f"secencoder_{name}_total", "web", "logs"]
        for name in (
            *("lines", "flagged_lines", "alerts", "parse_errors", "cut_lines"),
            *("new_templates", "new_patterns", "merged_patterns"),
        )
    }
    assert list(of_web.values()) == [80, 6, 2, 4, 2, 4, 2, 2], of_web
    assert found["secencoder_lines_total", "", "logs"] == 4
    assert found["secencoder_dead_letters_total", "logs"] == 10
    assert found["secencoder_expired_lines_total", "logs"] == 12


def test_names_that_never_come_again_make_no_series_without_end():
    metrics = Metrics(most_sources=2)
    for number in range(100):
        metrics.applied(step(**{f"pod-{number}": Findings("", lines=1), "pod-0": Findings("", lines=1)}))
    lines = {key[1]: value for key, value in scraped(metrics).items() if key[0] == "secencoder_lines_total"}
    assert lines == {"": 0, "pod-0": 100, "pod-1": 1, OTHERS: 98}


def test_what_is_ours_no_more_has_no_series():
    metrics = filled()
    ours = {(name, *place) for name, *place in scraped(metrics) if place == ["0", "logs"]}
    assert {name for name, *_ in ours} == {
        f"secencoder_{name}"
        for name in ("applied_offset", "lag_messages", "applied_timestamp_seconds", "stalled_seconds")
    }
    metrics.partitions = lambda: [PartitionState("logs", 1, False, None, None, 0.0, 12.0)]
    metrics.sinks[0].positions = {}
    found = scraped(metrics)
    assert {key for key in found if key[1:] == ("0", "logs")} == set()
    assert {key[0] for key in found if key[1:] == ("1", "logs")} == {"secencoder_stalled_seconds"}
    assert (found["secencoder_assigned_partitions",], found["secencoder_open_partitions",]) == (1, 0)
    assert not [key for key in found if key[0] == "secencoder_outbox_position_timestamp_seconds"]


def test_what_others_count_never_goes_back():
    metrics = filled()
    encoder = metrics.encoders["full"]
    counted = []
    for stats in (EncoderStats(10, 0), EncoderStats(10, 8), EncoderStats(20, 9)):
        encoder.stats = stats
        counted.append(scraped(metrics)["secencoder_encoder_hits_total", "full"])
    assert counted == [10, 10, 11]


def test_two_workers_of_a_process_know_nothing_of_each_other():
    one, other = Metrics(), Metrics()
    one.stage("read", 0.2)
    assert scraped(one)["secencoder_stage_seconds_count", "read"] == 1
    assert scraped(other)["secencoder_stage_seconds_count", "read"] == 0


def test_others_have_their_turn_while_metrics_are_read():
    async def turns() -> int:
        reading, taken = asyncio.ensure_future(filled().scrape()), 0
        while not reading.done():
            taken += 1
            await asyncio.sleep(0)
        return taken

    assert asyncio.run(turns()) > 30


def test_the_page_lists_every_metric_as_it_is_served():
    families = {
        family.name: family
        for family in text_string_to_metric_families(asyncio.run(filled().scrape()).decode())
        if family.name.startswith("secencoder_")
    }
    served = set()
    for family in families.values():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        assert family.samples, f"{name} is not filled"
        served.add((name, family.type, ", ".join(labels), family.documentation))
    assert set(ROW.findall(PAGE.read_text())) == served


@pytest.mark.parametrize("stage", STAGES)
def test_the_page_names_every_stage(stage):
    assert f"| `{stage}` |" in PAGE.read_text()
