"""Names of keys; ``docs/redis.md`` lists them with their bounds."""

from __future__ import annotations

from dataclasses import dataclass

BUCKET_SECONDS = 3_600
"""Anomalies are ranked by score within buckets of an hour, which expire as a whole. ``apply.lua`` knows it too."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one environment: ``{prefix}:{env}:{source}:...``.

    The source is in hash-tag braces, so that one source lives in one cluster slot.
    """

    prefix: str
    env: str
    below: tuple[str, ...] = ()
    """Put after the source in every key: a check has keys of its own there."""

    def key(self, source: str, *parts: object) -> str:
        """The name of a source's key, e.g. ``se:default:{logs}:applied``."""
        return ":".join([self.prefix, self.env, "{" + source + "}", *self.below, *map(str, parts)])

    @property
    def sources(self) -> str:
        """The set of every source, which no slot of a source holds."""
        return ":".join([self.prefix, self.env, "sources", *self.below])


def bucket(seen: float) -> int:
    """The start of the hour in which an anomaly is ranked by score."""
    return int(seen // BUCKET_SECONDS) * BUCKET_SECONDS
