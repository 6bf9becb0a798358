"""Labelled streams of real systems, from a folder of data that is not part of the project."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.detection.streams import IGNORED, ORDINARY, UNUSUAL, Made, Stream

ALERTS = ("russellmitchell", "shaw")
LABEL_COLUMNS = ("time_label", "event_label")
ALERT_BY_TIME = "false_positive"
NORMAL_BLOCKS, UNUSUAL_BLOCKS, SETTLED_BLOCKS = 4_000, 120, 800
"""HDFS sequences of the stream, and how many normal ones come before the first other one."""
OPEN_BLOCKS = 16
SECOND_LINES = 20


def labelled(path: Path) -> Stream:
    """A file of JSON lines with ``text``, ``label``, ``kind`` and perhaps ``group``."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [json.loads(row) for row in stream]
    return Stream(
        path.name.removesuffix(".jsonl.gz"),
        "logs",
        [row["text"].encode("utf-8", "surrogatepass") for row in rows],
        np.array([row["label"] for row in rows], dtype=np.int8),
        [row["kind"] or "" for row in rows],
        [row["group"] for row in rows] if "group" in rows[0] else None,
    )


def bgl(path: Path) -> Stream:
    """Loghub's sample of BGL. Its first column, which is the label, is taken out."""
    rows = [row.partition(b" ") for row in path.read_bytes().splitlines()]
    kinds = ["" if label == b"-" else label.decode() for label, _, _ in rows]
    labels = np.array([ORDINARY if kind == "" else UNUSUAL for kind in kinds], dtype=np.int8)
    return Stream("bgl_2k", "logs", [text for _, _, text in rows], labels, kinds)


def alerts(path: Path) -> Iterator[Stream]:
    """Alerts of AIT as JSON lines without their labels: by attack phase, and the first of each rule in each phase."""
    name = path.name.removesuffix(".csv.gz")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    phases = ["" if row["time_label"] == ALERT_BY_TIME else row["time_label"] for row in rows]
    messages = [
        json.dumps({column: value for column, value in row.items() if column not in LABEL_COLUMNS}).encode()
        for row in rows
    ]
    attack = np.array([UNUSUAL if phase else ORDINARY for phase in phases], dtype=np.int8)
    yield Stream(name, "alerts", messages, attack, phases)
    first, seen = np.where(attack == UNUSUAL, IGNORED, ORDINARY).astype(np.int8), set()
    for place, (row, phase) in enumerate(zip(rows, phases, strict=True)):
        if phase and (phase, row["name"]) not in seen:
            seen.add((phase, row["name"]))
            first[place] = UNUSUAL
    yield Stream(f"{name}_first", "alerts", messages, first, phases)


def hdfs_sequences(path: Path, templates: Path) -> Stream:
    """Blocks of HDFS as lines: normal ones as often as they are, and among them distinct ones with a fault.

    Some blocks are open at a time; each has its own id in its lines. The times are invented.
    """
    with templates.open(encoding="utf-8", newline="") as stream:
        texts = {row["EventId"]: row["EventTemplate"] for row in csv.DictReader(stream)}
    normal: list[list[str]] = []
    faulty: dict[tuple[str, ...], None] = {}
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            if row["split"] == "train":
                normal.append(row["events"])
            elif row["split"] == "labelled_valid" and row["label"]:
                faulty.setdefault(tuple(row["events"]))
    draw = np.random.default_rng(7)
    normal = normal[:NORMAL_BLOCKS]
    blocks = [(events, ORDINARY) for events in normal]
    for events in list(faulty)[:UNUSUAL_BLOCKS]:
        blocks.insert(int(draw.integers(SETTLED_BLOCKS, len(blocks))), (list(events), UNUSUAL))
    return interleaved(blocks, texts, draw)


def interleaved(
    blocks: Sequence[tuple[Sequence[str], int]], texts: dict[str, str], draw: np.random.Generator
) -> Stream:
    """The lines of blocks of which a few are open at a time."""
    messages: list[bytes] = []
    labels: list[int] = []
    groups: list[str] = []
    waiting = [(iter(events), label, f"blk_{draw.integers(1 << 62)}") for events, label in reversed(blocks)]
    opened = [waiting.pop() for _ in range(min(OPEN_BLOCKS, len(waiting)))]
    while opened:
        place = int(draw.integers(len(opened)))
        events, label, block = opened[place]
        event = next(events, None)
        if event is None:
            opened[place : place + 1] = [waiting.pop()] if waiting else []
            continue
        second = len(messages) // SECOND_LINES
        stamp = f"081109 {second // 3600 % 24:02}{second // 60 % 60:02}{second % 60:02}"
        text = texts.get(event, event).replace("<*>", f" {block} ", 1).replace("<*>", " ")
        messages.append(f"{stamp} {draw.integers(10, 99)} INFO dfs.Node: {' '.join(text.split())}".encode())
        labels.append(label)
        groups.append(block)
    kinds = ["fault" if label else "" for label in labels]
    return Stream("hdfs_sequences", "sessions", messages, np.array(labels, dtype=np.int8), kinds, groups)


def sessions(stream: Stream) -> Stream:
    """The same lines, to be judged by session."""
    return replace(stream, name=f"{stream.name}_sessions", family="sessions")


def lines_and_sessions(path: Path) -> Iterator[Stream]:
    """A labelled file by line and, where its labels are of sessions, by session."""
    one = labelled(path)
    yield replace(one, groups=None)
    if one.groups is not None:
        yield sessions(one)


def real_streams(folder: Path) -> Iterator[Made]:
    """All that are at hand."""
    for path in sorted((folder / "labelled").glob("*.jsonl.gz")):
        name = path.name.removesuffix(".jsonl.gz")
        yield Made((name, f"{name}_sessions"), partial(lines_and_sessions, path))
    if (path := folder / "loghub" / "BGL_2k.log").is_file():
        yield Made(("bgl_2k",), partial(lambda path: [bgl(path)], path))
    for path in (folder / f"ait_alerts_{name}.csv.gz" for name in ALERTS):
        if path.is_file():
            name = path.name.removesuffix(".csv.gz")
            yield Made((name, f"{name}_first"), partial(alerts, path))
    sequences, templates = folder / "hdfs_sequences.jsonl.gz", folder / "loghub" / "HDFS_templates.csv"
    if sequences.is_file() and templates.is_file():
        yield Made(("hdfs_sequences",), lambda: [hdfs_sequences(sequences, templates)])
