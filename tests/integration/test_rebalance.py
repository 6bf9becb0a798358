"""Workers that share topics found by a pattern: who opens which partition, and what stays as it was."""

from __future__ import annotations

import sys
from dataclasses import replace

from connectors.kafka import ensure_topic
from tests.integration.harness import Stream, WorkerProcess, log_lines

WORKER = (sys.executable, "-m", "tests.faults.worker", "worker")
"""Without a model: it starts quicker."""
FOUND_SECONDS = 30.0


def openings(*workers: WorkerProcess) -> list[int]:
    return [len(worker.opened()) for worker in workers]


def test_topics_are_found_by_their_pattern_and_a_rebalance_opens_only_what_moves(stream_factory):
    first: Stream = stream_factory(partitions=8)
    pattern = {"STREAM__TOPICS": "", "STREAM__TOPIC_PATTERN": f"{first.topic}.*"}
    first.produce(log_lines(800), partitions=8)
    with first.worker(command=WORKER, **pattern) as stays:
        first.wait_until_done()
        assert openings(stays) == [8]
        with first.worker(command=WORKER, **pattern) as joins:
            first.wait_until(lambda: openings(joins) == [4], "half of the partitions for the second worker")
            first.produce(log_lines(400, seed=1), partitions=8)
            first.wait_until_done()
            assert openings(stays, joins) == [8, 4]
            kept = set(stays.assigned())

            second = replace(first, topic=f"{first.topic}-more", workers=[])
            second.group = first.group
            assert ensure_topic(first.kafka, second.topic, 2) == 2
            second.produce(log_lines(100), partitions=2)
            first.wait_until(
                lambda: sum(openings(stays, joins)) == 8 + 4 + 2 and second.applied_sum() == 100,
                "the new topic, and no other partition opened",
                seconds=FOUND_SECONDS,
            )
            second.wait_until_done()
            assert joins.terminate() == 0
        first.wait_until(lambda: openings(stays)[0] >= 8 + 4 + 1, "what the other one left")
        first.produce(log_lines(400, seed=2), partitions=8)
        second.produce(log_lines(100, seed=2), partitions=2)
        first.wait_until_done()
        second.wait_until_done()
        assert openings(stays, joins) == [8 + 4 + 2, 4 + 1]
        assert kept <= set(stays.assigned())
    first.assert_each_line_counted_once()
    second.assert_each_line_counted_once()
    assert first.store.sources() == [first.topic, second.topic], "a topic of ours was read"
