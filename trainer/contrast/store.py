"""Items as arrays of token ids on disk, and what the teacher is asked once for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from trainer.contrast.items import ALONE, LOG, WORDS, Item

ARRAYS, NAMES = "items.safetensors", "sources.json"
CHUNK = 4_096
"""Texts tokenised at once."""
NO_TEACHER = -1


@dataclass(frozen=True, slots=True)
class Items:
    """m items of n texts of t tokens. Texts of item i are those from ``texts[i]`` to ``texts[i + 1]``."""

    ids: NDArray[np.uint16]
    """Token ids with ``[CLS]`` and ``[SEP]`` (t,)."""
    starts: NDArray[np.int64]
    """Where each text begins in ``ids`` (n + 1,)."""
    teacher: NDArray[np.int32]
    """Row of each text in the teacher's table (n,), ``NO_TEACHER`` for none."""
    texts: NDArray[np.int64]
    """First text of each item (m + 1,)."""
    kinds: NDArray[np.uint8]
    """``items.LOG`` and so on (m,)."""
    held: NDArray[np.bool_]
    """Whether an item is only validated on (m,)."""
    sources: NDArray[np.int32]
    """Place of each item's source in ``names`` (m,)."""
    groups: NDArray[np.int64]
    """Items with equal numbers mean the same (m,): never pushed apart."""
    companions: NDArray[np.int64]
    """Items that are easily taken for each other, end to end (c,)."""
    companion_starts: NDArray[np.int64]
    """Where those of each item begin (m + 1,)."""
    names: list[dict[str, str]]
    """``source`` and ``domain`` of each source."""

    def __len__(self) -> int:
        return len(self.kinds)

    def row(self, text: int) -> NDArray[np.uint16]:
        """The token ids of a text."""
        return self.ids[self.starts[text] : self.starts[text + 1]]

    def save(self, folder: Path) -> None:
        """Writes ``items.safetensors`` and ``sources.json``."""
        arrays = {name: getattr(self, name) for name in self.__slots__ if name != "names"}
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / ARRAYS)
        (folder / NAMES).write_text(json.dumps(self.names, indent=0) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Items:
        """Reads what ``save`` wrote."""
        return cls(**load_file(folder / ARRAYS), names=json.loads((folder / NAMES).read_text()))


def make_items(items: Sequence[Item], tokenizer: Tokenizer, *, max_length: int) -> tuple[Items, list[str]]:
    """The arrays of items, texts cut to ``max_length`` tokens, and the distinct texts for the teacher."""
    ours = Tokenizer.from_str(tokenizer.to_str())
    ours.encode_special_tokens = True
    ours.enable_truncation(max_length)
    rows: dict[str, int] = {}
    sources: dict[tuple[str, str], int] = {}
    teacher = [
        rows.setdefault(item.teacher[place], len(rows)) if place < len(item.teacher) else NO_TEACHER
        for item in items
        for place in range(len(item.texts))
    ]
    ids, starts = encoded(ours, (text for item in items for text in item.texts), max_length)
    groups: dict[str, int] = {}
    arrays = Items(
        ids=ids,
        starts=starts,
        teacher=np.array(teacher, np.int32),
        texts=np.cumsum([0, *(len(item.texts) for item in items)], dtype=np.int64),
        kinds=np.array([item.kind for item in items], np.uint8),
        held=np.array([item.held for item in items], np.bool_),
        sources=np.array(
            [sources.setdefault((item.source, item.domain), len(sources)) for item in items], np.int32
        ),
        groups=np.array(
            [groups.setdefault(item.texts[-1 if item.kind == ALONE else 0], len(groups)) for item in items],
            np.int64,
        ),
        companions=np.array([other for item in items for other in item.companions], np.int64),
        companion_starts=np.cumsum([0, *(len(item.companions) for item in items)], dtype=np.int64),
        names=[{"source": source, "domain": domain} for source, domain in sources],
    )
    return arrays, list(rows)


def choose_texts(
    items: Items, texts: Sequence[str], most: int, *, power: float, seed: int
) -> tuple[Items, list[str]]:
    """The items with at most ``most`` texts for the teacher, words not counted, and these texts in their new order.

    Logs and descriptions have half each, sources the number of their items to ``power``, as a training draws them.
    """
    rng = np.random.default_rng(seed)
    counts = np.bincount(items.sources, minlength=len(items.names))
    weights = (counts.astype(float) ** (power - 1))[items.sources]
    times = (
        rng.exponential(size=len(items)) / weights
    )  # the order of a weighted draw (Efraimidis and Spirakis 2006)
    words = np.array([name["domain"] == WORDS for name in items.names], np.bool_)[items.sources]
    logs = items.kinds == LOG
    chosen: dict[int, int] = {}
    for places, limit in ((words, len(texts)), (logs, most // 2), (~words & ~logs, most - most // 2)):
        end = len(chosen) + (limit if most else 0)
        for item in np.flatnonzero(places)[np.argsort(times[places])]:
            for row in items.teacher[items.texts[item] : items.texts[item + 1]].tolist():
                if row != NO_TEACHER and len(chosen) < end:
                    chosen.setdefault(row, len(chosen))
            if len(chosen) >= end:
                break
    rows = np.full(len(texts) + 1, NO_TEACHER, np.int32)
    rows[list(chosen)] = list(chosen.values())
    return replace(items, teacher=rows[items.teacher]), [texts[row] for row in chosen]


def encoded(
    tokenizer: Tokenizer, texts: Iterable[str], max_length: int
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Token ids of texts end to end, and where each begins and the last ends."""
    parts: list[NDArray[np.uint16]] = [np.empty(0, np.uint16)]
    sizes = [0]
    chunk: list[str] = []

    def flush() -> None:
        for encoding in tokenizer.encode_batch_fast(chunk):
            parts.append(np.array(encoding.ids, np.uint16))
            sizes.append(len(encoding.ids))
        chunk.clear()

    for text in texts:
        chunk.append(text[: max_length * 32])
        if len(chunk) == CHUNK:
            flush()
    flush()
    return np.concatenate(parts), np.cumsum(sizes, dtype=np.int64)
