"""What a replay reads: stretches of topics, fixed before it begins, so that it can stop and go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Span(NamedTuple):
    """Offsets of a partition, from ``start`` up to before ``end``."""

    start: int
    end: int


@dataclass(frozen=True)
class Plan:
    """A replay. Kept in the store, in the environment that it fills, which is thereby known as a replay's."""

    what: str
    """What was asked for, in words: the same words go on with it."""
    topics: Mapping[str, Mapping[int, Span]]
    """Topic to partition to offsets; the dead-letter topic's partitions and offsets with ``dead_letters``."""
    dead_letters: str = ""
    """The dead-letter topic whose messages are read as those of ``topics``; empty for the topics themselves."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Messages of each topic, where they are known: dead letters are counted before."""

    @property
    def messages(self) -> int:
        """Messages to read, at most: offsets without a message count as well, unless messages were counted."""
        return sum(self.counts.values()) or self.offsets

    @property
    def offsets(self) -> int:
        """Offsets to pass."""
        return sum(end - start for parts in self.topics.values() for start, end in parts.values())

    def passed(self, topic: str, applied: Mapping[int, int]) -> int:
        """Of the offsets of a topic, those before the applied ones."""
        parts = self.topics[topic].items()
        return sum(min(max(applied.get(at, 0), start), end) - start for at, (start, end) in parts)

    def read(self, topic: str, applied: Mapping[int, int]) -> bool:
        """Whether all of a topic was applied."""
        return all(applied.get(at, 0) >= end for at, (_, end) in self.topics[topic].items())

    def to_json(self) -> str:
        """What the store keeps."""
        return json.dumps(
            {
                "what": self.what,
                "topics": {
                    topic: {str(at): one for at, one in of.items()} for topic, of in self.topics.items()
                },
                "dead_letters": self.dead_letters,
                "counts": dict(self.counts),
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The inverse of ``to_json``. Raises ValueError for anything else."""
        try:
            kept = json.loads(text)
            topics = {
                topic: {int(at): Span(*one) for at, one in of.items()} for topic, of in kept["topics"].items()
            }
            return cls(kept["what"], topics, kept["dead_letters"], kept["counts"])
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("not a replay's plan") from error


@dataclass(frozen=True)
class Progress:
    """How far a replay is."""

    passed: int
    """Offsets that were applied, of ``Plan.offsets``; by whatever process."""
    lines: int
    """Lines that this process applied."""
    failed: int
    """Lines and messages that this process could not."""
    seconds: float
    """Since its first look."""
    done: bool
