"""The encoder's tiers in a real worker, and what it says of them."""

from __future__ import annotations

import re

import pytest

from tests.integration.harness import log_lines

LINES = 1_500
REPORT = r" texts, hit rate [\d.]+%, ([\d,]+) cut, padding [\d.]+%, cache [\d.]+ MB"


def reported(worker, encoder: str) -> tuple[int, int]:
    """Texts, and cut ones, by the worker's reports about an encoder."""
    found = re.findall(rf"{encoder}: ([\d,]+){REPORT}", worker.text())
    lines, cut = ([int(number.replace(",", "")) for number in column] for column in zip(*found, strict=True))
    return sum(lines), sum(cut)


@pytest.mark.parametrize("tier", ["full", "static", "cascade"])
def test_every_tier_counts_each_line_once_and_reports_its_texts(stream_factory, student_bundle, tier):
    """A copy of the full bundle serves as the static one."""
    stream = stream_factory(
        ENCODER__TIER=tier, ENCODER__STATIC_BUNDLE=str(student_bundle), ENCODER__MAX_TOKENS="32"
    )
    stream.produce([*log_lines(LINES - 2), b"kernel: panic " + b"at 0x7f3a " * 100, b"nginx: up"])
    with stream.worker() as worker:
        stream.wait_until_done()
        assert worker.terminate() == 0
    texts, cut = reported(worker, "static encoder" if tier == "cascade" else "encoder")
    assert (2 < texts < LINES / 2, cut) == (True, 1), "a template is read once"
    if tier == "cascade":
        escalated, _ = reported(worker, "escalated to the full encoder")
        assert 0 < escalated <= texts
    stream.assert_each_line_counted_once()
    assert stream.store.stats(stream.topic).cut == 1
    assert stream.store.anomalies(stream.topic)


def test_a_worker_changes_from_the_full_encoder_to_a_cascade_and_keeps_its_memory(
    stream_factory, student_bundle
):
    stream = stream_factory(ENCODER__STATIC_BUNDLE=str(student_bundle), STREAM__BATCH_LINES="200")
    stream.produce(log_lines(LINES, distinct=50))
    for tier in ("full", "cascade"):
        with stream.worker(ENCODER__TIER=tier) as worker:
            stream.wait_until_done()
            assert worker.terminate() == 0
        assert "learned anew" not in worker.text()
        stream.produce(log_lines(200, distinct=50, seed=1))
    with stream.worker(ENCODER__TIER="cascade"):
        stream.wait_until_done()
    assert stream.store.stats(stream.topic).warming_up == 0
    stream.assert_each_line_counted_once()
