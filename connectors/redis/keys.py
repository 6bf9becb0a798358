"""Names of keys; ``docs/redis.md`` lists them with their bounds."""

from __future__ import annotations

from dataclasses import dataclass

BUCKET_SECONDS = 3_600
"""Anomalies are ranked by score within buckets of an hour, which expire as a whole. ``apply.lua`` knows it too."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one environment: ``prefix:env:{topic}:...``, and ``prefix:env:{topic}/NAME:...`` of a source inside.

    The topic is in hash-tag braces, so that it lives in one cluster slot with all sources inside it.
    """

    prefix: str
    env: str
    below: tuple[str, ...] = ()
    """Put after the source in every key: a check has keys of its own there."""

    def key(self, source: str, *parts: object) -> str:
        """The name of a source's key, e.g. ``se:default:{logs}:applied``."""
        topic, slash, name = source.partition("/")
        before, after = self.around(topic)
        return f"{before}{slash}{name}{after}{':'.join(map(str, parts))}"

    def around(self, topic: str) -> tuple[str, str]:
        """What all keys of a topic have before and after the name of a source inside it."""
        return ":".join([self.prefix, self.env, "{" + topic + "}"]), ":".join(["", *self.below, ""])

    @property
    def sources(self) -> str:
        """The set of every topic, which no slot of a topic holds."""
        return ":".join([self.prefix, self.env, "sources", *self.below])


def bucket(seen: float) -> int:
    """The start of the hour in which an anomaly is ranked by score."""
    return int(seen // BUCKET_SECONDS) * BUCKET_SECONDS
