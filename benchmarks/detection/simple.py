"""Scores that a few lines of code can give."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Hashable, Iterable

import numpy as np

from benchmarks.detection.streams import Scores, Stream

VARIES = re.compile(r"\b[\w.:-]*\d[\w.:-]*\b")
WORD = re.compile(r"[A-Za-z]{2,}")
RECENT = 500


def masked(message: bytes) -> str:
    """A message with every token that has a digit replaced."""
    return VARIES.sub("*", message.decode("utf-8", "replace"))


def rarities(keys: Iterable[Hashable]) -> Scores:
    """-log of the share of each key among those before it, one added."""
    counts: Counter[Hashable] = Counter()
    scores = []
    for total, key in enumerate(keys):
        scores.append(-math.log((counts[key] + 1) / (total + 2)))
        counts[key] += 1
    return np.array(scores)


def bursts(keys: Iterable[Hashable]) -> Scores:
    """Log of a key's share of the last lines over its share of all before them."""
    recent: deque[Hashable] = deque()
    near: Counter[Hashable] = Counter()
    far: Counter[Hashable] = Counter()
    scores = []
    for total, key in enumerate(keys):
        recent.append(key)
        near[key] += 1
        if len(recent) > RECENT:
            old = recent.popleft()
            near[old] -= 1
            far[old] += 1
        old_total = max(total + 1 - RECENT, 0)
        scores.append(math.log((near[key] / len(recent)) / ((far[key] + 1) / (old_total + RECENT))))
    return np.array(scores)


def rarity(stream: Stream) -> Scores:
    """How rare the line is with its numbers masked."""
    return rarities(map(masked, stream.messages))


def template_rarity(stream: Stream) -> Scores:
    """How rare our template of the line is."""
    return stream.by_message(rarities(stream.templates[0].tolist()))


def burst(stream: Stream) -> Scores:
    """How much more often the masked line comes of late."""
    return bursts(map(masked, stream.messages))


def new_words(stream: Stream) -> Scores:
    """Rarity of the rarest word of the line."""
    counts: Counter[str] = Counter()
    scores = []
    for total, message in enumerate(stream.messages):
        words = set(WORD.findall(message.decode("utf-8", "replace")))
        rarest = min((counts[word] for word in words), default=total)
        scores.append(-math.log((rarest + 1) / (total + 2)))
        counts.update(words)
    return np.array(scores)


def severity(stream: Stream) -> Scores:
    """The level of the line."""
    return stream.by_message(np.array([float(line.record.severity) for line in stream.lines]))


def length(stream: Stream) -> Scores:
    """The length of the line."""
    return np.array([float(len(message)) for message in stream.messages])


def drain_rarity(stream: Stream) -> Scores:
    """Rarity of the line's cluster in Drain3, which reads the line without its header; numbers masked, as is usual."""
    from drain3 import TemplateMiner
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(VARIES.pattern, "*")]
    miner = TemplateMiner(config=config)
    keys = (miner.add_log_message(text)["cluster_id"] for text in stream.texts)
    return stream.by_message(rarities(keys))
