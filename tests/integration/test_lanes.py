"""A line that takes the encoder long: its own partition waits for it, others go on, and the contract holds."""

from __future__ import annotations

import sys
from itertools import chain

import pytest

from connectors.findings import Changes
from tests.integration.blocking_encoder import MARK
from tests.integration.harness import log_lines

COMMAND = (sys.executable, "-m", "tests.integration.blocking_encoder", "worker")
LONG = f"kernel: {MARK} ".encode() + b"0x7f3a " * 2_000
BEFORE, AFTER = 210, 390


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """The file that lets the long line through."""
    path = tmp_path / "gate"
    monkeypatch.setenv("GATE", str(path))
    return path


@pytest.fixture
def stream(stream_factory):
    """Two partitions; partition 0 has a long line among its short ones."""
    stream = stream_factory(2, ENCODER__MAX_TOKENS="2048", STREAM__BATCH_LINES="50")
    short = log_lines(2 * (BEFORE + 1 + AFTER), distinct=50)
    with_long = [*short[:BEFORE], LONG, *short[BEFORE : BEFORE + AFTER]]
    without = short[-len(with_long) :]
    stream.produce(chain.from_iterable(zip(with_long, without, strict=True)), partitions=2)
    return stream


def wait_until_blocked(stream, gate) -> None:
    """Waits until the encoder holds on to the long line and all that does not wait for it is done."""
    stream.wait_until(gate.with_suffix(".waiting").exists, "the long line in the encoder")
    stream.wait_until(lambda: stream.applied().get(1) == stream.ends()[1], "all of the other partition")
    assert BEFORE - 50 < stream.applied()[0] <= BEFORE, stream.state()


def test_a_long_line_holds_up_no_other_partition_and_comes_in_its_place(stream, gate):
    with stream.worker(command=COMMAND) as worker:
        wait_until_blocked(stream, gate)
        stream.produce(log_lines(300, distinct=50, seed=1), partitions=2)
        wait_until_blocked(stream, gate)
        gate.touch()
        stream.wait_until_done()
        opened = sorted(worker.opened(), key=lambda entry: entry[0])
        assert opened == [(0, None, 0), (1, None, 0)], "no fence, no failure: the order held"
        stream.produce(
            [*log_lines(100, distinct=50, seed=2), LONG, *log_lines(101, distinct=50)], partitions=2
        )
        stream.wait_until_done()  # the paused partition went on, and does so again
    stream.assert_each_line_counted_once()


def test_a_worker_killed_over_a_long_line_loses_and_doubles_nothing(stream, gate):
    with stream.worker(command=COMMAND) as worker:
        wait_until_blocked(stream, gate)
        worker.kill()
    before = stream.applied()
    gate.touch()
    with stream.worker(command=COMMAND) as worker:
        stream.wait_until_done()
        assert worker.took_over() == before
    stream.assert_each_line_counted_once()


def test_a_partition_reopened_over_a_long_line_goes_on_from_the_store(stream, gate):
    """Another owner goes on meanwhile: the long batch is refused, and the paused partition is read again."""
    with stream.worker(command=COMMAND) as worker:
        wait_until_blocked(stream, gate)
        at = stream.applied()[0]
        stream.store.apply(Changes(stream.topic, 0, expected=at, end=at + 7, lines=7))
        gate.touch()
        stream.wait_until_done()
        assert f"applied offset is {at + 7}, expected {at}" in worker.text()
        assert [applied for partition, applied, _ in worker.opened() if partition == 0] == [None, at + 7]
    stats = stream.store.stats(stream.topic)
    assert stats.lines == sum(stream.ends().values())
    assert stream.pattern_lines() == stats.lines - 7


def test_a_rebalance_over_a_long_line_loses_and_doubles_nothing(stream, gate):
    with stream.worker(command=COMMAND) as first:
        wait_until_blocked(stream, gate)
        with stream.worker(command=COMMAND) as second:
            stream.wait_until(lambda: len(second.assigned()) == 1, "a partition for the second worker")
            gate.touch()
            stream.produce(log_lines(300, distinct=50, seed=1), partitions=2)
            stream.wait_until_done()
            assert first.running
            assert second.running
    stream.assert_each_line_counted_once()
