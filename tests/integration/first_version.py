"""What the first version left in Redis of a topic, written as it wrote it: no layout, no owner, no topic ids."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import safetensors.numpy

LINES = 200
"""Applied of each partition."""
PATTERNS = {"aa": 150, "bb": 50}
"""Id to lines of a partition; the first version counted them under patterns."""
TEXT = "sshd: refused session of mallory"


def write_first_version(redis: Any, base: str, topic: str, *, partitions: int, now: float) -> None:
    """The keys of a topic. base: prefix and environment. now: seconds since the epoch."""

    def key(*parts: object) -> str:
        return ":".join([base, "{" + topic + "}", *map(str, parts)])

    redis.sadd(f"{base}:sources", topic)
    hour = int(now // 3_600) * 3_600
    start = int(now // 600) * 600
    for partition in range(partitions):
        redis.hset(key("applied"), partition, LINES)
        redis.hincrby(key("stats"), "lines", LINES)
        redis.hset(key("stats"), f"warming_up:{partition}", 0)
        redis.set(key("state", partition), snapshot(version="1", offset=LINES))
        for pattern, count in PATTERNS.items():
            redis.hincrby(key("pattern", pattern), "count", count)
            redis.zadd(key("patterns"), {pattern: now})
            fields = {"first_seen": now, "example": TEXT, "vector": bytes(384), "model": "0123abcd"}
            redis.hset(key("pattern", pattern), mapping=fields)
        place = f"{partition}:{LINES - 1}"
        flagged = {"partition": partition, "offset": LINES - 1, "timestamp": repr(now), "score": "0.9993"}
        flagged |= {"threshold": "0.999", "text": TEXT, "format": "plain", "pattern": "aa"}
        redis.hset(key("line", place), mapping=flagged)
        redis.expire(key("line", place), 604_800)
        redis.zadd(key("anomalies", "by_time"), {place: now})
        redis.zadd(key("anomalies", "by_score", hour), {place: 0.9993})
        redis.expire(key("anomalies", "by_score", hour), 608_400)
        redis.xadd(key("feed"), flagged, maxlen=10_000)
        part = {
            "count": LINES,
            "total": bytes(768),
            "lines": json.dumps([[3], [TEXT]]),
            "vectors": bytes(384),
        }
        redis.hset(key("window", start, partition), mapping=part)
        redis.expire(key("window", start, partition), 86_400)
        redis.zadd(key("windows"), {f"{start}:{partition}": start})


def snapshot(*, version: str, offset: int, **header: str) -> bytes:
    """A partition's memory of the first version, or of another one that has nothing of today's."""
    tensors = {
        "forest.roots": np.zeros((100, 8), dtype=np.float32),
        "recent": np.zeros((64, 192), dtype=np.float16),
        "counts": np.zeros(4_096, dtype=np.float32),
    }
    metadata = {"version": version, "offset": str(offset), "model": "0123abcd"}
    return safetensors.numpy.save(tensors, metadata=metadata | header)
