"""How rare the words of a line are in its source, those of its template and those in its values alike."""

from __future__ import annotations

import re
from functools import lru_cache
from math import log
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from connectors.formats.rows import ragged
from connectors.kernels import kernel
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.counting import count_in
from stream_processors.detection.detectors.counts import Counts, lines_counted
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.detectors.sharing import SharedCounts, Taught
from stream_processors.detection.hashing import hash_texts
from stream_processors.detection.table import PLACEHOLDER
from stream_processors.detection.wording import MOST_DIGITS

MOST = 64
"""Words of a line that are counted; of what is longer, the first."""
_WORD = re.compile(r"[A-Za-z0-9_.\-\u0080-\U0010ffff]+")
Lists = tuple[NDArray[np.int64], NDArray[np.uint64]]


@kernel
def count_words(
    begin: int,
    entries: NDArray,
    taken: NDArray[np.int64],
    clock: int,
    templates: NDArray[np.int32],
    template_words: Lists,
    value_words: Lists,
    found: NDArray[np.float32],
) -> int:
    """Scores and counts lines from ``begin`` on, until the table is to grow: float32 (lines,)."""
    for line in range(begin, len(templates)):
        if taken[1] > taken[3]:
            return line
        now, row = clock + line, templates[line]
        total, words = lines_counted(now), 0
        least = second = total + 1.0
        for starts, hashes, own in (
            (template_words[0], template_words[1], np.int64(row)),
            (value_words[0], value_words[1], np.int64(line)),
        ):
            for word in hashes[starts[own] : starts[own + 1]]:
                if words == MOST:
                    break
                words += 1
                count = count_in(entries, taken, word, now, now)
                if count < least:
                    least, second = count, least
                elif count < second:
                    second = count
        if words:
            one = log((total + 2.0) / (least + 1.0))
            other = log((total + 2.0) / (second + 1.0)) if words > 1 else one
            found[line] = max(0.0, 0.5 * (one + other))
    return len(templates)


class Words:
    """-log of the share of lines with a word, the mean of a line's two rarest words: one alone is often a name."""

    name = "words"

    def __init__(self) -> None:
        self._counts = Counts()
        self._shared = SharedCounts(self._counts)

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line with what came before it, and learns it."""
        counts, batch, done = self._counts, seen.batch, 0
        found = np.zeros(len(seen), dtype=np.float32)
        while done < len(seen):
            counts.room()
            done = count_words(
                done,
                counts.entries,
                counts.taken,
                counts.lines,
                batch.templates,
                (batch.rows.word_starts, batch.rows.words),
                (batch.word_starts, batch.words),
                found,
            )
        counts.lines += len(seen)
        rows, _, _, lines = batch.distinct
        starts, words = ragged(batch.rows.word_starts, rows.astype(np.int64))
        self._shared.note(batch.rows.words[words], np.repeat(lines, np.diff(starts)))
        self._shared.note(batch.words[batch.word_starts[0] : batch.word_starts[-1]], 1)
        self._shared.lines += len(seen)
        return Surprises(found, np.full(len(seen), NO_CAUSE))

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Takes back the words of those lines."""
        batch = seen.batch
        for place in places.tolist():
            row = batch.templates[place]
            for (starts, words), own in (
                ((batch.rows.word_starts, batch.rows.words), row),
                ((batch.word_starts, batch.words), place),
            ):
                taken = words[starts[own] : starts[own + 1]][:MOST]
                self._counts.take_back(taken)
                self._shared.note(taken, -1)

    def taught(self) -> Taught:
        """Lines with each word since the last call."""
        return self._shared.taught()

    def absorb(self, taught: Taught) -> None:
        """Counts lines of other partitions."""
        self._shared.absorb(taught)

    def explain(self, seen: Seen, place: int) -> Reason:
        """Its rarest words, and in how many lines they were."""
        known = _words(seen.batch, place)
        counts = self._counts.of(np.array([*known.values()], np.uint64)).tolist()
        rarest = [(max(count - 1, 0), word) for count, word in zip(counts, known, strict=True)]
        rarest = sorted(rarest, key=itemgetter(0))[:2]
        total, lines = lines_counted(self._counts.lines), self._counts.lines
        score = sum(log((total + 2) / (count + 1)) for count, _ in rarest) / max(len(rarest), 1)
        numbers = {word: round(count) for count, word in rarest}
        said = " and ".join(
            f"{word!r} in {count:,}" if count else f"{word!r} in none" for word, count in numbers.items()
        )
        return Reason(self.name, score, f"of {lines:,} lines {said}", {**numbers, "lines": lines})

    def state(self) -> dict[str, NDArray]:
        """The counts."""
        return self._counts.state()

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved counts."""
        self._counts.restore(state)


def _words(batch: LineBatch, place: int) -> dict[str, int]:
    """The distinct words of a line with their hashes, in the order in which they stand: its template's, its values'."""
    first, last = batch.starts[place : place + 2].tolist()
    spans = zip(batch.begins[first:last].tolist(), batch.ends[first:last].tolist(), strict=True)
    values = [batch.buffer[begin:end].tobytes() for begin, end in spans]
    own = hashed_words(b" ".join(values).decode("utf-8", "surrogatepass"))
    return _template_words(batch.rows.shapes[batch.templates[place]]) | own


@lru_cache(maxsize=1_024)
def _template_words(shape: str) -> dict[str, int]:
    return hashed_words(PLACEHOLDER.sub(" ", shape))


def hashed_words(text: str) -> dict[str, int]:
    """The distinct words of a text, as ``wording`` finds them, and their hashes."""
    words = [word for word in dict.fromkeys(_WORD.findall(text)) if few_digits(word)]
    return dict(zip(words, hash_texts(words).tolist(), strict=True))


def few_digits(word: str) -> bool:
    """Whether a word is counted, as ``wording`` has it."""
    return len(word) <= MOST_DIGITS or word.isalpha() or sum(map(str.isdigit, word)) <= MOST_DIGITS
