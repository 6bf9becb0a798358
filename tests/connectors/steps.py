"""Steps of a store, and all that it answers."""

from __future__ import annotations

from dataclasses import replace

from connectors.days import DAY
from connectors.decisions import BEGINNING
from connectors.findings import (
    Anomaly,
    Changes,
    Merge,
    SlotSummary,
    Template,
    Warmup,
    WindowPart,
)

BINARY = bytes(range(256)) * 4

NOW = 1_700_000_000.0


def anomaly(
    offset: int,
    *,
    score: float = 0.5,
    timestamp: float = NOW,
    partition: int = 0,
    text: str = "x",
    index: int = 0,
) -> Anomaly:
    return Anomaly(partition, offset, timestamp, score, 0.4, text, "raw", "p1", model="m1", index=index)


def template(
    name: str, *, count: int = 1, seen: float = NOW, pattern: str = "", model: str = "m1", **fields
) -> Template:
    """A template told whole."""
    fields = {"example": f"example of {name}", "vector": BINARY[:64], **fields}
    text = fields.pop("text", f"text of {name} <num>")
    return Template(name, text, pattern or name, count, seen, seen, model=model, **fields)


def known(name: str, *, count: int = 1, seen: float = NOW, **fields) -> Template:
    """A template of which the store knows what it is."""
    return Template(name, "", "", count, seen, seen, **fields)


MINUTE = int(NOW // 60)
SLOTS = (SlotSummary("0", "num", ("7", "22"), 7.0, 22.0), SlotSummary("user", "*", ("ada",)))


def window(
    start: int, *, partition: int = 0, count: int = 5, opened: int = 7, model: str = "m1"
) -> WindowPart:
    texts = ("one \x00", "zwei \u00e4\U0001f600")
    weights, templates = (count - 1, 1), ("t1", "t2")
    return WindowPart(
        start,
        partition,
        count,
        BINARY[:16],
        ((1, 0), (1, 1)),
        texts,
        BINARY[:16],
        opened,
        model,
        weights,
        templates,
    )


def step(expected: int | None, end: int, *, source: str = "logs", partition: int = 0, **changes) -> Changes:
    return Changes(source, partition, expected=expected, end=end, **changes)


def full_step(expected: int | None, end: int) -> Changes:
    """A batch that changes everything a batch can change, of a topic and of a source inside it."""
    changes = step(
        expected,
        end,
        lines=7,
        dead_letters=1,
        parse_errors=2,
        cut=4,
        expired=5,
        warming_up=3,
        waiting_from=end - 3,
        topic_id="topic-1",
        model="m1",
        anomalies=[anomaly(end - 1)],
        templates=[
            template("t1", count=5, minutes=((MINUTE, 5),), parameters=SLOTS),
            template("t2", count=2, seen=NOW + 1, minutes=((MINUTE, 2),)),
        ],
        merges=[Merge("t2", "t1", NOW, "the same words")],
        seen=0,
        taught=b"\x00taught",
        days={0: {"words": 30, "unknown": 2}, int(NOW // DAY): {"lines:m1": 7, "score:3": 7}},
        heard=BEGINNING,
        windows=[window(60)],
        snapshot=BINARY + str(end).encode(),
    )
    inside = changes.part("api")
    inside.lines, inside.parse_errors, inside.cut = 4, 1, 2
    inside.warming_up, inside.waiting_from, inside.warmup = 2, end - 2, Warmup(20, 64, int(NOW) + 60, 32)
    inside.anomalies = [anomaly(end - 2, index=5)]
    inside.windows = [window(60, count=4)]
    inside.templates, inside.seen = [template("t1", count=4, minutes=((MINUTE, 4),))], 0
    inside.days = {int(NOW // DAY): {"lines:m1": 4}}
    inside.snapshot = b"api" + str(end).encode()
    return changes


def of_topic(changes: Changes, topic: str) -> Changes:
    """The same step of another topic."""
    parts = {name: replace(part, source=f"{topic}/{name}") for name, part in changes.parts.items()}
    return replace(changes, source=topic, parts=parts)


def everything(store, source: str = "logs") -> tuple:
    """All that the store answers about a source."""
    return (
        store.stats(source),
        store.applied(source),
        store.stored(source, 0, 1).snapshot,
        store.stored(source, 0, 9),
        store.anomalies(source),
        store.patterns(source),
        store.templates(source),
        store.merges(source),
        [store.window(source, start) for start in store.windows(source)],
        {
            name: (
                store.stats(name),
                store.anomalies(name),
                store.patterns(name),
                store.templates(name),
                store.merges(name),
                [store.window(name, start) for start in store.windows(name)],
            )
            for name in store.sources()
            if name.startswith(f"{source}/")
        },
    )
