from __future__ import annotations

import numpy as np
import pytest

from connectors.records import Record
from stream_processors.detection.detectors.sequence import Sequence
from tests.stream_processors.detection.detectors.lines import columns, parts, seen_of, text

STEPS = ("opened session {}", "session {} reads its mail", "session {} writes a note", "closed session {}")


def sessions(count: int, first: int = 0) -> list[Record]:
    """Sessions of four lines, two at a time, that read and write in any order."""
    lines = []
    for n in range(first, first + count, 2):
        names = [f"s{n}x{k * 7919 % 997}q" for k in (n, n + 1)]
        for step in (0, 1, 2, 3) if n % 4 else (0, 2, 1, 3):
            lines += [text(STEPS[step].format(name)) for name in names]
    return lines


def of(kind: Sequence, *messages: str) -> np.ndarray:
    return kind.observe(seen_of([text(one) for one in messages])).scores


@pytest.fixture
def kind():
    kind = Sequence()
    kind.observe(seen_of(sessions(400)))
    return kind


def test_sessions_that_do_what_sessions_do_are_usual(kind):
    assert kind.observe(seen_of(sessions(40, 1_000))).scores.max() < 1.0


def test_a_session_without_its_beginning_surprises_and_goes_on_to(kind):
    usual = of(kind, *[step.format("s7y31q") for step in STEPS])
    odd = of(kind, *[step.format("s7y32q") for step in STEPS[2:]])
    assert odd.min() > 1.0 > usual.max()


def test_a_step_too_often_surprises_by_how_many_did_it(kind):
    seen = seen_of([text(STEPS[0].format("s7y33q")), *[text(STEPS[1].format("s7y33q"))] * 6])
    scores = kind.observe(seen).scores
    assert scores[1] < 1.0 < 2.0 < scores[-1]
    reason = kind.explain(seen, 6)
    assert reason.numbers["share"] < 1 and "so many lines of one template" in reason.text
    assert reason.numbers["parameter 0"] == "s7y33q"


def test_a_rare_template_belongs_to_the_session_that_it_names(kind):
    of(kind, STEPS[0].format("s7y34q"), "session s7y34q exported all mail")
    assert of(kind, STEPS[1].format("s7y34q"))[0] > 1.0


def test_entities_are_found_in_columns_and_counters_are_none():
    kind, users = Sequence(), ["alice", "bob", "carol", "dave", *[f"guest{n}" for n in range(60)]]
    lines = [
        columns(action=action, user=users[n % 64], number=str(n))
        for n in range(640)
        for action in ("login", "read", "logout")
    ]
    surprises = kind.observe(seen := seen_of(lines))
    named = {seen.batch.part(place, int(surprises.causes[place]))[0] for place in range(1_000, len(seen))}
    assert named == {"user"}


@pytest.mark.parametrize("size", [1, 7])
def test_scores_do_not_depend_on_how_the_stream_is_cut_or_on_a_restart(size):
    odd = [text(STEPS[3].format("s9x1q"))] * 4
    records = [*sessions(120), *odd, *sessions(20, 500)]
    whole = Sequence().observe(seen_of(records)).scores
    kind, found = Sequence(), []
    for at, part in enumerate(parts(seen_of(records), size)):
        if at == 17:
            saved, kind = kind.state(), Sequence()
            kind.restore(saved)
        found.append(kind.observe(part).scores)
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-5)
    assert whole.max() > 0


def test_what_is_unlearned_surprises_the_next_time(kind):
    scores = []
    for n in range(6):
        seen = seen_of([text(STEPS[3].format(f"s7y4{n}q"))])
        scores.append(kind.observe(seen).scores[0])
        if n < 3:
            kind.unlearn(seen, np.array([0]))
    assert scores[3] > 0.9 * scores[0]
    assert scores[5] < 0.9 * scores[3]


def test_a_named_column_is_what_a_line_is_about():
    def line(n: int, verb: str, job: str) -> Record:
        return columns(verb=verb, job=job, worker=f"worker-{n % 3}x", request=f"r{n * 7919 % 1009}q")

    lines = [line(n, verb, f"batch-{n // 40}") for n in range(400) for verb in ("started", "done")]
    odd = [line(900, "started", "batch-99"), *[line(901, "started", "batch-99")] * 30]
    found, named = Sequence(), Sequence(["job"])
    for kind in (found, named):
        kind.observe(seen_of(lines))
    seen = seen_of(odd)
    named.observe(seen)
    assert named.explain(seen, 0).numbers["job"] == "batch-99"
    assert "job" not in found.explain(seen_of(odd), 0).numbers
    split = Sequence(["job"])
    for record in lines:
        split.observe(seen_of([record]))
    assert np.array_equal(split.observe(seen_of(odd)).scores, named._said.scores)
