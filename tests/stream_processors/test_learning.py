from __future__ import annotations

import json

from connectors.envelopes import ReadingSettings
from connectors.findings import Changes
from connectors.memory import MemoryStore
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources
from stream_processors.learning import learn
from tests.fakes import TrigramEmbedder, batch_of, make_lines

SETTINGS = DetectionSettings(warmup=64, alert_budget="top 1 %")
NORMAL = [
    f"{word} job {n % 7} is done"
    for n in range(100)
    for word in ("backup", "index", "mail", "cache", "report")
]
ODD = "someone opens the vault at night"


def of(embedder, seeds: dict[str, bytes], model: str = "") -> tuple[Sources, list[str]]:
    sources = Sources("logs", 0, embedder.dim, SETTINGS, model=model)
    return sources, sources.plant(seeds)


def flagged(embedder, sources: Sources, texts: list[str]) -> Changes:
    changes = Changes("logs", 0, expected=None, end=len(texts))
    sources.process(batch_of(make_lines(texts), embedder), changes)
    return changes


def test_a_partition_that_begins_with_a_seed_is_warm_and_knows_what_is_normal(embedder):
    seed, lines, templates = learn((text.encode() for text in NORMAL), TrigramEmbedder(), SETTINGS)[""]
    assert (lines, templates) == (500, 5)
    store = MemoryStore()
    store.plant("logs", seed)
    sources, refused = of(embedder, store.seeds("logs"))
    assert refused == []
    changes = flagged(embedder, sources, [*NORMAL[:40], ODD, *NORMAL[:40]])
    assert (changes.warming_up, [one.offset for one in changes.anomalies]) == (0, [40])
    assert all(template.text and template.vector for template in changes.templates), "told whole to the store"
    assert changes.lines == 81, "only its own lines count"
    unseeded, _ = of(embedder, {})
    assert flagged(embedder, unseeded, NORMAL[:40]).warming_up == 40


def test_a_memory_of_its_own_counts_more_than_a_seed(embedder):
    seed, _, _ = learn((text.encode() for text in NORMAL), TrigramEmbedder(), SETTINGS)[""]
    own, _ = of(embedder, {})
    changes = flagged(embedder, own, [ODD] * 30)
    own.snapshot(30, changes)
    store = MemoryStore()
    store.apply(changes)
    restored, _ = of(embedder, {"": seed})
    assert restored.restore(store.stored("logs", 0, 1)) == 30
    assert flagged(embedder, restored, [ODD] * 5).warming_up == 35


def test_each_source_inside_a_topic_learns_its_own_lines():
    values = [
        json.dumps({"team": f"t{n % 2}", "msg": f"{text} of t{n % 2}"}).encode()
        for n, text in enumerate(NORMAL)
    ]
    reading = ReadingSettings(source="team")
    learned = learn(values, TrigramEmbedder(), SETTINGS, reading=reading, by_source=True)
    assert {name: found.lines for name, found in learned.items()} == {"t0": 250, "t1": 250}
    assert [*learn(values, TrigramEmbedder(), SETTINGS, reading=reading)] == [""]
    sources = Sources("logs", 0, 64, SETTINGS, by="team")
    assert sources.plant({name: found.seed for name, found in learned.items()}) == []


def test_a_seed_of_another_model_is_told_and_left(embedder):
    seed, _, _ = learn((text.encode() for text in NORMAL), TrigramEmbedder(), SETTINGS, model="m1")[""]
    sources, refused = of(embedder, {"": seed, "api": b"nonsense"}, model="m2")
    assert refused[0] == "logs: it is of another model: m1"
    assert refused[1].startswith("logs/api: ")
    assert flagged(embedder, sources, NORMAL[:40]).warming_up == 40
