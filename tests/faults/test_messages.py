"""Messages that hold many lines, and lines that are several messages.

| case                              | what it shows                                                                |
| --------------------------------- | ---------------------------------------------------------------------------- |
| messages of 1 to 5,000 lines      | each line once, through kills; batches are bounded by lines                  |
| a line that breaks a part         | it alone is a dead letter, with its place in its message                     |
| a message that breaks detection   | it is a dead letter as a whole, once                                         |
| stack traces, a message a line    | each is one line, through kills, and what is held back is not applied        |
| a message that needs a registry   | it is a dead letter that says so, and holds nothing up                       |
"""

from __future__ import annotations

import random

import pytest

from tests.faults.source import line_of
from tests.faults.worker import MARKS
from tests.integration.harness import read_topic

SIZES = (1, 2, 499, 500, 501, 5_000)
FRAMES = 4


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.faults) for seed in (1, 2))])
def test_lines_of_large_messages_take_effect_once_through_kills(case_factory, seed):
    draw = random.Random(seed)
    case = case_factory(2, pause="0.02", STREAM__SNAPSHOT_LINES="1000")
    sizes = [draw.choice(SIZES[:-1]) for _ in range(20)] + [5_000, 1, 1, 5_000]
    draw.shuffle(sizes)
    case.source.send_messages(sizes)
    case.kill_workers(3, draw)
    with case.worker():
        case.check()


@pytest.mark.faults
@pytest.mark.parametrize("part", ["parser", "encoder"])
def test_a_line_that_breaks_a_part_is_a_dead_letter_without_its_neighbours_in_the_message(case_factory, part):
    case = case_factory(2)
    with case.worker():
        case.source.send_messages([1, 700, 3])
        words = case.source.send_messages([1_001], text=f" {MARKS[part]}")
        case.source.applied.remove(words[500])
        case.source.dead.add(words[500])
        case.source.send_messages([1, 700, 3])
        case.check()


@pytest.mark.faults
def test_a_message_that_breaks_detection_is_a_dead_letter_as_a_whole(case_factory):
    case = case_factory(1)
    with case.worker():
        case.source.send_messages([300, 1])
        words = case.source.send_messages([40], text=f" {MARKS['detection']}", fate="never")
        case.source.send_messages([300, 1])
        case.wait_until_seen(642)
        stats = case.store.stats(case.topic)
        assert (stats.lines, stats.dead_letters) == (602, 40)
        (letter,) = read_topic(case.kafka, f"{case.topic}.dead-letter")
        added = dict(letter.headers)
        assert "secencoder.index" not in added, "it is about all of the message"
        assert letter.value.count(b"\n") == 39
        assert words[0].encode() in letter.value


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.faults) for seed in (1, 2))])
def test_stack_traces_of_a_message_a_line_are_one_line_each_through_kills(case_factory, seed):
    draw = random.Random(seed)
    case = case_factory(2, pause="0.02", STREAM__MULTILINE="true", STREAM__BATCH_LINES="50")
    traces = 600
    for at in range(traces):
        (word,) = case.source.words(1)
        pod = f"pod-{at % 6}".encode()
        case.source.send_value(line_of(word), word=word, partition=at % 2, key=pod)
        for frame in range(draw.randrange(FRAMES)):
            case.source.send_value(
                f"\tat com.example.A.b(A.java:{frame})".encode(), partition=at % 2, key=pod, fate="never"
            )
    case.source.flush()
    case.kill_workers(2, draw)
    with case.worker():
        case.check(lines=traces)


@pytest.mark.faults
def test_what_is_held_back_is_not_applied_and_waits_for_seconds_only(case_factory):
    case = case_factory(1, STREAM__MULTILINE="true")
    with case.worker():
        case.send(300)
        case.check()
        (word,) = case.source.words(1)
        case.source.send_value(line_of(word), word=word)
        case.source.flush()
        case.check()


@pytest.mark.faults
def test_a_message_that_needs_a_registry_is_a_dead_letter_that_says_so(case_factory):
    case = case_factory(1)
    with case.worker() as worker:
        case.send(100)
        words = case.source.words(50)
        for word in words:
            avro = b"\x00\x00\x00\x00\x07\x1e" + line_of(word)
            case.source.send_value(avro, word=word, fate="dead")
        case.send(100)
        case.check()
        letters = read_topic(case.kafka, f"{case.topic}.dead-letter")
        assert len(letters) == len(words)
        assert b"kafka.schema_registry_url" in dict(letters[0].headers)["__streams.errors.message"]
        assert "tried again" not in worker.text(), "it holds nothing up"
