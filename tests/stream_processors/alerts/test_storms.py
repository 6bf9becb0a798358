"""What a person gets of a restart, a rollout and a scan: whole streams through detection, the budget and the fold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from connectors.alerts import Verdict
from connectors.findings import Changes
from connectors.memory import MemoryStore
from stream_processors.alerts.folding import fold
from stream_processors.alerts.incidents import incidents
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources
from tests.fakes import batch_of, make_line

START = 1_700_000_000.0
USUAL = 2_500
BUDGET = "20 an hour"
WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
]


def ordinary(count: int, seed: int) -> Iterator[str]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        kind = int(rng.choice(12, p=np.arange(12, 0, -1) / 78))
        one, other = WORDS[kind : kind + 2]
        yield f"{one} served {other} of page to user u{rng.integers(30)} in {rng.integers(900)} ms"


def restart() -> list[str]:
    return [
        f"{WORDS[n % 16]} {WORDS[n // 16]} module {WORDS[(n * 7) % 16]} starts and loads" for n in range(150)
    ]


def rollout() -> list[str]:
    rng = np.random.default_rng(2)
    kinds = [
        f"v2 {WORDS[n % 16]} handler {WORDS[(n * 5) % 16]} answered {WORDS[n // 16]} fine" for n in range(100)
    ]
    return [kinds[place] for place in rng.integers(100, size=1_000)]


def scan() -> list[str]:
    return [f"GET refused for path of probe number {n} from 192.0.2.66" for n in range(1_000)]


def watch(embedder, texts: list[str], *, mark: int | None = None) -> tuple[MemoryStore, int]:
    """A store that has seen the lines, two a second; ``mark``: line after which all alerts are marked as benign."""
    store = MemoryStore(clock=lambda: START + len(texts) / 2)
    detector = Sources("logs", 0, embedder.dim, DetectionSettings(alert_budget=BUDGET), model="m1")
    for start in range(0, len(texts), 500):
        lines = [
            make_line(place, texts[place], timestamp=START + place / 2)
            for place in range(start, min(start + 500, len(texts)))
        ]
        changes = Changes("logs", 0, expected=start or None, end=start + len(lines))
        detector.process(batch_of(lines, embedder), changes)
        fold(changes)
        detector.decided(store.apply(changes))
        if mark is not None and start < mark <= start + 500:
            for alert in store.alerts("logs", limit=1_000):
                store.mark("logs", Verdict(alert.pattern, "benign", START))
    return store, USUAL // 2


@pytest.mark.parametrize("event", [restart, rollout, scan])
def test_no_storm_of_alerts(embedder, event):
    lines = event()
    store, begins = watch(embedder, [*ordinary(USUAL, 0), *lines, *ordinary(500, 1)])
    told = [entry for entry in store.outbox("logs", limit=10_000) if entry.alert.last_seen >= START + begins]
    assert len(told) <= 12, f"{len(lines)} lines, most of them never seen before"
    assert told, "and not silence either"
    assert len(incidents(store.alerts("logs", limit=10_000))) <= 12
    if event is scan:
        assert any("ip=192.0.2.66" in entry.alert.entities for entry in told)


def test_what_was_marked_as_benign_is_never_an_alert_again(embedder):
    again = [f"strange thing number {n % 7} happened in the attic" for n in range(40)]
    texts = list(ordinary(USUAL, 0))
    texts[1_200:1_210], texts[2_000:2_040] = again[:10], again
    marked, _ = watch(embedder, texts, mark=1_500)
    late = [one for one in marked.anomalies("logs", limit=1_000) if one.timestamp >= START + 1_000]
    assert any("attic" in one.text for one in marked.anomalies("logs", limit=1_000))
    assert not any("attic" in one.text for one in late)
