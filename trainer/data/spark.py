"""The decisions of deduplication on PySpark, for a corpus that outgrows one machine: the same lines are kept.

Files are read by the executors, a task each, so that they must lie where every executor finds them. The lines that
the first rounds leave undecided are settled on the driver.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.data.corpus import Source
from trainer.data.lsh import BATCH_LINES, EXACT, KEPT, NEAR, Deduplicator, batches, hash_lines
from trainer.data.minhash import Sketcher
from trainer.data.records import Record, read_records
from trainer.settings import DedupSettings
from trainer.stages.manifest import StageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

SOURCE_SHIFT = 40
"""A line's id is its source's number shifted by this, plus its place among the source's lines."""
FINISH_LINES = 100_000
"""Undecided lines that are left to the driver."""
FINISH_SHARE = 0.1
"""Share of the undecided lines that a round must decide, else the driver takes over: it needs no more rounds."""
QUIET = {"spark.ui.enabled": "false", "spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}
LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def decide_with_spark(
    sources: Sequence[Source], settings: DedupSettings, folder: Path
) -> list[NDArray[np.uint8]]:
    """``KEPT``, ``EXACT`` or ``NEAR`` for every line of every source, uint8 (lines,) each. Raises StageError."""
    with session() as spark:
        numbers = spark.range(len(sources), numPartitions=len(sources)).rdd
        records = numbers.mapPartitions(partial(read, sources=list(sources), limit=settings.line_characters))
        lines = records.toDF("id long, hash long, text string").persist()
        firsts = lines.groupBy("hash").agg({"id": "min"}).withColumnRenamed("min(id)", "first")
        distinct = lines.join(firsts, lines["id"] == firsts["first"]).select("id", "text")
        keyed = distinct.rdd.mapPartitions(partial(add_keys, settings=settings))
        kept = keep_first(keyed.toDF("id long, text string, keys array<long>"), settings, folder)
        ids, first = to_array(lines.select("id", "hash").join(firsts, "hash").select("id", "first"))
    fates = np.where(np.isin(first, kept), np.where(ids == first, KEPT, EXACT), NEAR).astype(np.uint8)
    order = np.argsort(ids)
    edges = np.searchsorted(ids[order], np.arange(1, len(sources)) << SOURCE_SHIFT)
    return np.split(fates[order], edges)


def keep_first(left: DataFrame, settings: DedupSettings, folder: Path) -> NDArray[np.int64]:
    """Ids of the lines that are not similar to an earlier kept one that they share a band with, int64.

    In rounds: a line that is the first undecided one in all of its buckets is kept, and the others of those buckets
    are compared with it. left: columns id, text and keys.
    """
    from pyspark.sql import functions as F

    kept: list[NDArray[np.int64]] = []
    left = left.localCheckpoint()
    before, undecided = 0, left.count()
    while undecided > FINISH_LINES and (not before or undecided < (1 - FINISH_SHARE) * before):
        buckets = left.select("id", F.explode("keys").alias("key"))
        owners = buckets.groupBy("key").agg(F.min("id").alias("owner"))
        later = buckets.join(owners, "key").where("owner < id").select("id", "owner").distinct().persist()
        new = left.select("id").join(later.select("id"), "id", "left_anti").localCheckpoint()
        texts = left.select("id", "text")
        near = (
            later.join(new.toDF("owner"), "owner")
            .join(texts, "id")
            .join(texts.toDF("owner", "original"), "owner")
            .select("id", "text", "original")
            .rdd.mapPartitions(partial(repeats, settings=settings))
            .toDF("id long")
        )
        kept.append(to_array(new)[0])
        left = left.join(new.union(near), "id", "left_anti").localCheckpoint()
        later.unpersist()
        before, undecided = undecided, left.count()
    rest = left.select("id", "text").orderBy("id")
    index = Deduplicator(settings, folder)
    ids = to_array(rest.select("id"))[0]
    fates = [index.decide(some) for some in batches(row.text for row in rest.toLocalIterator())]
    if fates:
        kept.append(ids[np.concatenate(fates) == KEPT])
    return np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)


def read(numbers: Iterable[Row], sources: Sequence[Source], limit: int) -> Iterator[tuple[int, int, str]]:
    """Source numbers to lines: id, hash and text."""
    for number in (row.id for row in numbers):
        identity = number << SOURCE_SHIFT
        items = read_records(sources[number].path, sources[number].field)
        for lines in batches(item.text[:limit] for item in items if isinstance(item, Record)):
            for line, own in zip(lines, hash_lines(lines).view(np.int64).tolist(), strict=True):
                yield identity, own, line
                identity += 1


def add_keys(rows: Iterable[Row], settings: DedupSettings) -> Iterator[tuple[int, str, list[int]]]:
    """Lines to lines with their LSH keys."""
    sketcher = Sketcher(settings)
    for some in chunks(rows):
        keys = sketcher.sketch([row.text for row in some]).keys.view(np.int64).tolist()
        yield from ((row.id, row.text, own) for row, own in zip(some, keys, strict=True))


def repeats(rows: Iterable[Row], settings: DedupSettings) -> Iterator[tuple[int]]:
    """Pairs of a line and an earlier one to the ids of the lines that are similar."""
    sketcher = Sketcher(settings)
    for some in chunks(rows):
        lines, originals = (sketcher.sketch([row[name] for row in some]) for name in ("text", "original"))
        pairs = np.arange(len(some))
        close, _, _ = sketcher.close(lines, pairs, originals, pairs)
        similar = close[sketcher.similar(lines, close, originals, close)]
        yield from ((some[pair].id,) for pair in similar.tolist())


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows, as many at once as a batch has lines."""
    rows = iter(rows)
    while some := list(islice(rows, BATCH_LINES)):
        yield some


def to_array(rows: DataFrame) -> NDArray[np.int64]:
    """Columns of integers as one array, int64 (columns, rows)."""
    return np.array(rows.collect(), dtype=np.int64).reshape(-1, len(rows.columns)).T


@contextmanager
def session() -> Iterator[SparkSession]:
    """The session at hand, or one for the time of use: spark-submit's cluster, else this machine."""
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise StageError(
            "dedup.engine: spark needs PySpark: pip install 'secencoder-streams[spark]'"
        ) from error
    if active := SparkSession.getActiveSession():
        yield active
        return
    builder = SparkSession.builder.appName("secencoder-dedup")
    options = QUIET
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not started by spark-submit
        options |= LOOPBACK | {"spark.master": "local[*]"}
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    for name, value in options.items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise StageError(f"dedup.engine: spark did not start: {error}; is Java on the PATH?") from error
    try:
        yield spark
    finally:
        spark.stop()
