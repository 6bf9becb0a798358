"""What every kind of surprise that is used by default has to do, and what three of them find."""

import numpy as np
import pytest

from stream_processors.detection.batch import LineBatch
from stream_processors.detection.detectors.ensemble import Ensemble
from stream_processors.detection.detectors.isolation import Isolation
from stream_processors.detection.detectors.kind import Kind, Seen
from stream_processors.detection.detectors.meaning import Meaning
from stream_processors.detection.detectors.rare import Rare
from stream_processors.detection.detectors.words import Words
from stream_processors.detection.partition import usual_kinds
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.table import TemplateTable
from tests.fakes import TrigramEmbedder
from tests.stream_processors.detection.detectors import lines
from tests.stream_processors.detection.detectors.lines import parts, text
from tests.stream_processors.detection.test_partition import crowd, make_lines

EMBEDDER = TrigramEmbedder()
TABLE = TemplateTable(EMBEDDER.dim)
STRANGER = "ransom note dropped on every share"


def seen_of(texts: list[str]) -> Seen:
    """Lines with vectors; each template is a pattern of its own."""
    batch = LineBatch.of(make_lines(texts), TABLE)
    rows = batch.rows.missing(batch.templates)
    if len(rows):
        vectors = EMBEDDER.embed([batch.rows.texts[row] for row in rows])
        TABLE.fill(batch.rows, rows, vectors, np.zeros(len(rows), dtype=bool))
    templates = batch.rows.templates[batch.templates]
    return Seen(batch, templates, templates)


def every_kind() -> list[Kind]:
    return [*usual_kinds(EMBEDDER.dim, DetectionSettings()), Isolation(EMBEDDER.dim)]


def last(kind: Kind, *texts: str) -> float:
    """What a kind says of the last line."""
    return float(kind.observe(seen_of(list(texts))).scores[-1])


STREAM = [*crowd(700), STRANGER, *crowd(80), STRANGER, "job 7 of queue mail done", *crowd(20)]


@pytest.mark.parametrize("name", [kind.name for kind in every_kind()])
def test_scores_do_not_depend_on_batches_nor_on_a_restart(name):
    whole, cut, other = (next(kind for kind in every_kind() if kind.name == name) for _ in range(3))
    seen = seen_of(STREAM)
    expected = whole.observe(seen).scores
    some = parts(seen, 7)
    found = [cut.observe(part).scores for part in some[:100]]
    other.restore(cut.state())
    found += [other.observe(part).scores for part in some[100:]]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=2e-3)
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()


@pytest.mark.parametrize("make", [Rare, Words], ids=["rare", "words"])
def test_what_was_taken_back_surprises_as_before(make):
    taught, doubting = make(), make()
    for kind in (taught, doubting):
        last(kind, *crowd(500))
    for _ in range(4):
        seen = seen_of([STRANGER])
        first = float(doubting.observe(seen).scores[0])
        doubting.unlearn(seen, np.array([0]))
        last(taught, STRANGER)
    again = last(doubting, STRANGER)
    assert again == pytest.approx(first, abs=0.05)
    assert last(taught, STRANGER) < again - 0.5


def test_a_template_never_seen_is_the_rarest_and_says_so():
    kind = Rare()
    last(kind, *crowd(1_000))
    seen = seen_of([STRANGER, crowd(1)[0]])
    new, usual = kind.observe(seen).scores
    assert new > 6 > 2 > usual
    reason = kind.explain(seen, 0)
    assert reason.text.startswith("template never seen in 1,00")
    assert reason.numbers["template_lines"] == 0
    assert reason.score == pytest.approx(new, abs=0.1)


def test_a_template_of_a_known_pattern_surprises_half_as_much():
    kind, alone = Rare(), Rare()
    for one in (kind, alone):
        last(one, *crowd(1_000))
    seen = seen_of([STRANGER])
    known = Seen(seen.batch, seen.templates, seen_of(crowd(1)).patterns)
    assert kind.observe(known).scores[0] == pytest.approx(alone.observe(seen).scores[0] / 2, abs=1)


def test_lines_of_a_pattern_that_became_part_of_another_count_for_it():
    kind = Rare()
    seen = seen_of(["alpha beta gamma"])
    last(kind, *["alpha beta gamma"] * 50, *crowd(50))
    kind.merge(int(seen.patterns[0]), 1 << 63)
    later = Seen(seen.batch, seen.templates, np.array([1 << 63], dtype=np.uint64))
    assert kind.observe(later).scores[0] < 1


def test_words_that_are_new_to_a_source_surprise_and_are_named():
    kind = Words()
    last(kind, *crowd(1_000))
    seen = seen_of(["ransom mimikatz", crowd(1)[0]])
    strange, usual = kind.observe(seen).scores
    assert strange > 6 > 3 > usual
    reason = kind.explain(seen, 0)
    assert "'ransom' in none and 'mimikatz' in none" in reason.text
    assert set(reason.numbers) == {"ransom", "mimikatz", "lines"}


def test_one_new_word_among_usual_ones_surprises_half_as_much_as_two():
    one, two = Words(), Words()
    for kind in (one, two):
        last(kind, *["session opened for user"] * 1_000)
    assert last(one, "session opened for mallory") == pytest.approx(
        last(two, "mimikatz mallory") / 2, abs=0.5
    )


def test_a_new_template_near_a_known_one_surprises_less_than_a_far_one():
    kind = Meaning(EMBEDDER.dim)
    last(kind, *["connection reset by peer while reading"] * 300, *["cron job finished"] * 300)
    near = last(kind, "connection reset by peer while writing")
    far = last(kind, STRANGER)
    assert far > near + 1
    seen = seen_of(["connection reset by peers while reading"])
    kind.observe(seen)
    reason = kind.explain(seen, 0)
    assert "connection reset by peer" in str(reason.numbers["nearest"])
    assert 0.5 < float(reason.numbers["similarity"]) < 1


def test_meaning_knows_a_bounded_number_of_templates_and_forgets_the_faintest():
    names = ["".join(chr(97 + (n * 7 + i * 11) % 26) for i in range(6)) for n in range(60)]
    kind = Meaning(EMBEDDER.dim, limit=16)
    last(kind, *["kept forever"] * 100, *names, "kept forever")
    assert len(kind.state()["keys"]) == 16
    assert last(kind, "kept forever") < 1


def test_meaning_explains_a_template_that_had_to_go_in_the_same_batch():
    kind = Meaning(EMBEDDER.dim, limit=16)
    seen = seen_of(["".join(chr(97 + (n * 7 + i * 11) % 26) for i in range(6)) for n in range(26)])
    kind.observe(seen)
    reasons = [kind.explain(seen, place) for place in range(len(seen))]
    assert sum("unlike the 16 templates" in reason.text for reason in reasons) == 26 - 16
    assert all(reason.score > 0 for reason in reasons)


def test_meaning_of_other_vectors_is_refused():
    state = Meaning(8).state()
    with pytest.raises(ValueError, match=r"\(templates, 4\)"):
        Meaning(4).restore(state)


def test_a_pattern_is_doubted_a_stated_number_of_times():
    ensemble = Ensemble([Rare()], warmup=16, doubts=2)
    ensemble.observe(seen_of(crowd(500)))
    found = []
    for _ in range(5):
        judged = ensemble.observe(seen_of([STRANGER]))
        found.append(float(judged.rows[0, 0]))
        ensemble.doubt(judged.seen, np.array([0]))
    assert found[1] == pytest.approx(found[0], abs=0.05)
    assert found[2] == pytest.approx(found[0], abs=0.05)
    assert found[3] < found[2] - 0.2
    assert found[4] < found[3] - 0.2
    restored = Ensemble([Rare()], warmup=16, doubts=2)
    restored.restore(ensemble.state())
    np.testing.assert_array_equal(restored.state()["flagged"], [5])


def test_reasons_are_those_that_moved_the_score_the_strongest_first():
    ensemble = Ensemble(usual_kinds(EMBEDDER.dim, DetectionSettings()), warmup=16)
    for part in parts(seen_of(crowd(1_200)), 400):
        ensemble.combination.observe(ensemble.observe(part).rows)
    judged = ensemble.observe(seen_of([STRANGER]))
    (score,) = ensemble.combination.observe(judged.rows)
    reasons = ensemble.reasons(judged, 0)
    strengths = [reason.score for reason in reasons]
    assert "rare" in {reason.kind for reason in reasons}
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] <= score < 1.6 * strengths[0]


def test_an_error_says_that_severity_counted():
    line = text("disk failure imminent")
    line.severity = 17
    ensemble = Ensemble([Rare()], warmup=16)
    judged = ensemble.observe(lines.seen_of([line]))
    assert [reason.text for reason in ensemble.reasons(judged, 0) if reason.kind == "severity"] == [
        "severity ERROR"
    ]
