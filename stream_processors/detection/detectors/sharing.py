"""What the partitions of one source teach each other: how often a kind counted what, as bytes that the store hands on.

A kind that shares tells after each step what its lines added to its counts, and takes what those of other partitions
did, so that what one partition has seen is new or rare in none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from connectors.decisions import BEGINNING, Lessons
from connectors.formats.json_bytes import KEY, mixed
from connectors.kernels import kernel
from stream_processors.detection import counting
from stream_processors.detection.detectors.counts import Counts

COUNTED = np.dtype([("key", "<u8"), ("count", "<f4")])
"""12 bytes a key."""
MOST_KEYS = 1_024
"""Keys that a kind tells of in a step: of more, those that it knows least of."""
VERSION = 1
HEAD = struct.Struct("<BBII")
"""Version, length of the name that follows, lines, keys."""


class Taught(NamedTuple):
    """What lines added to the counts of a kind."""

    counted: NDArray
    """COUNTED, (keys,)."""
    lines: int


@runtime_checkable
class Shares(Protocol):
    """A kind whose counts are the source's, whatever partition its lines are in."""

    name: str

    def taught(self) -> Taught:
        """What the lines observed since the last call added; it is told once."""

    def absorb(self, taught: Taught) -> None:
        """Takes what lines of other partitions added."""


@kernel
def add_counts(
    entries: NDArray,
    taken: NDArray[np.int64],
    keys: NDArray[np.uint64],
    counts: NDArray[np.float32],
    begin: int,
    line: int,
) -> int:
    """Adds to counts as they are at ``line``, from ``begin`` on until the table is to grow; where it stopped."""
    for place in range(begin, len(keys)):
        if taken[1] > taken[3]:
            return place
        counting.count_in(entries, taken, keys[place], line, line)
        entries[counting.place_of(entries, keys[place])].count += counts[place] - np.float32(1.0)
    return len(keys)


@kernel
def summed(
    keys: NDArray[np.uint64], times: NDArray[np.float32], secret: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Each of the keys once, and how many times it was counted. secret: ``json_bytes.KEY``, which chooses places."""
    room = 16
    while room < 2 * len(keys):
        room *= 2
    mask, count = np.uint64(room - 1), 0
    places = np.full(room, -1, dtype=np.int32)
    found, sums = np.empty(len(keys), dtype=np.uint64), np.zeros(len(keys))
    for row in range(len(keys)):
        at = mixed(secret[0], keys[row], secret) & mask
        while places[at] >= 0 and found[places[at]] != keys[row]:
            at = (at + np.uint64(1)) & mask
        if places[at] < 0:
            places[at], found[count] = count, keys[row]
            count += 1
        sums[places[at]] += times[row]
    return found[:count].copy(), sums[:count].copy()


class SharedCounts:
    """What is told of some counts, and what is heard. It keeps which keys lines counted until it is told."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._keys: list[NDArray[np.uint64]] = []
        self._times: list[NDArray[np.float32]] = []
        self.lines = 0
        """How many were noted since the last call of ``taught``."""

    def note(self, keys: NDArray[np.uint64], times: NDArray | int) -> None:
        """Keys were counted so many times each; negative for what is taken back."""
        self._keys.append(keys)
        self._times.append(np.full(len(keys), times, dtype=np.float32))

    def taught(self) -> Taught:
        """What was noted since the last call, the keys that are known least where there are too many."""
        lines, counted = self.lines, np.empty(0, dtype=COUNTED)
        if self._keys:
            keys, times = summed(np.concatenate(self._keys), np.concatenate(self._times), KEY)
            rows = np.flatnonzero(times > 0)
            rows = rows[np.argsort(keys[rows])]
            if len(rows) > MOST_KEYS:
                known = self._counts.of(keys[rows])
                rows = rows[np.argsort(known, kind="stable")[:MOST_KEYS]]
            counted = np.empty(len(rows), dtype=COUNTED)
            counted["key"], counted["count"] = keys[rows], times[rows]
        self._keys, self._times, self.lines = [], [], 0
        return Taught(counted, lines)

    def absorb(self, taught: Taught) -> None:
        """Adds what others counted: their lines make ours older, as if they had come here."""
        counts, done = self._counts, 0
        keys, times = taught.counted["key"].copy(), taught.counted["count"].copy()
        counts.lines += taught.lines
        while done < len(keys):
            counts.room()
            done = add_counts(counts.entries, counts.taken, keys, times, done, counts.lines)


class SharedKinds:
    """The kinds of one partition that share: what a step teaches, and up to where the lessons of others are learned.

    The position is part of a snapshot. So each lesson is learned once, also when lines are read again from there.
    """

    def __init__(self, kinds: Iterable[object]) -> None:
        self._kinds = {kind.name: kind for kind in kinds if isinstance(kind, Shares)}
        self.heard = BEGINNING
        """For ``Findings.heard``."""

    def taught(self) -> bytes:
        """What the kinds learned from lines since the last call."""
        return b"".join(pack(name, kind.taught()) for name, kind in self._kinds.items())

    def learn(self, lessons: Lessons) -> None:
        """Takes what other partitions taught."""
        self.heard = lessons.heard
        for lesson in lessons.taught:
            for name, taught in unpack(lesson):
                if name in self._kinds:
                    self._kinds[name].absorb(taught)

    def state(self) -> dict[str, NDArray]:
        """The position."""
        return {"heard": np.frombuffer(self.heard.encode(), dtype=np.uint8)}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved position."""
        self.heard = state["heard"].tobytes().decode()


def pack(name: str, taught: Taught) -> bytes:
    """As bytes; behind one another they can be told apart."""
    if not taught.lines and not len(taught.counted):
        return b""
    label = name.encode()
    head = HEAD.pack(VERSION, len(label), taught.lines, len(taught.counted))
    return head + label + taught.counted.tobytes()


def unpack(data: bytes) -> Iterator[tuple[str, Taught]]:
    """The inverse; ends where a part is none of ours, as a worker of another version may have told it."""
    at = 0
    while at + HEAD.size <= len(data):
        version, length, lines, keys = HEAD.unpack_from(data, at)
        begin = at + HEAD.size + length
        end = begin + keys * COUNTED.itemsize
        if version != VERSION or end > len(data):
            return
        name = data[at + HEAD.size : begin].decode("utf-8", "replace")
        counted = np.frombuffer(data, dtype=COUNTED, count=keys, offset=begin)
        yield name, Taught(counted[np.isfinite(counted["count"]) & (counted["count"] > 0)], lines)
        at = end
