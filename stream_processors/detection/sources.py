"""One partition's memory of all sources in its topic: the topic as one, or each source inside it by itself.

A source inside the topic has a detector, patterns and windows of its own. The number of detectors is bounded: those of
the frequent sources (``seats.Seats``), one that the rare ones share, one for lines without a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from connectors.decisions import Applied
from connectors.findings import Changes, Findings
from connectors.store import Stored, StoredSource
from stream_processors.detection import snapshot
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.naming import NONE, WHOLE_TOPIC, namer
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.scoring import ScoreSink, unheard
from stream_processors.detection.seats import RARE, Seats
from stream_processors.detection.seed import plant, usable
from stream_processors.detection.settings import DetectionSettings

SNAPSHOT_SHARE = 0.03
"""Of the bytes that are read, what snapshots take at most: large memories of short lines are kept more seldom."""
TOPIC = ""
"""The name of the source that is the topic as a whole."""


class Sources:
    """Detectors of one partition of a topic, of one model's vectors. Names are of sources inside the topic."""

    def __init__(
        self,
        topic: str,
        partition: int,
        dim: int,
        settings: DetectionSettings,
        *,
        model: str = "",
        by: str = WHOLE_TOPIC,
        most: int = 50,
        told: ScoreSink = unheard,
    ) -> None:
        """``by``: setting ``stream.source``; ``most``: setting ``stream.max_sources``. told: takes every score."""
        self._topic, self._partition, self._model = topic, partition, model
        self._dim, self._settings, self._told = dim, settings, told
        self._namer = None if by == WHOLE_TOPIC else namer(by)
        self._detectors: dict[str, PartitionDetector] = {}
        self._stored: dict[str, StoredSource] = {}
        self._seeds: Mapping[str, bytes] = {}
        self._unscored_from: dict[str, int | None] = {}
        self._leaving: list[str] = []
        self._changed: dict[str, None] = {}
        self._lines, self._read, self._saved = 0, 0, 0
        self._seats, self._reader = Seats(most), snapshot.Slot()
        self._parts: dict[str, snapshot.Part] = {"seats": self._seats, "reader": self._reader}
        self._kind = snapshot.Kind(model, dim, f"sources by {by}")

    def process(self, batch: LineBatch, changes: Changes) -> None:
        """Takes lines whose texts have their vectors, and adds what they change to ``changes``.

        Also ends the warm-ups that time ends, those of sources without a line among them.
        """
        changes.model = self._model
        self._leaving += self._seats.shrink()
        for name, part in self._parted(batch):
            self._detector(name).process(part, self._findings(changes, name), now=changes.now)
        for name in self._take_leavers():
            self._leave(name, changes)
        if self.due(changes.now):
            self.tick(changes.now, changes)

    def relearn(self, batch: LineBatch) -> None:
        """Takes lines between the snapshot and the applied offset: their effects are in the store already."""
        for name, part in self._parted(batch):
            self._detector(name).relearn(part, waiting_from=self._unscored_from.get(name))
        for name in self._take_leavers():
            self._leave(name, None)

    def _parted(self, batch: LineBatch) -> Iterator[tuple[str, LineBatch]]:
        """Each source with its lines. A topic has itself also without lines."""
        self._lines += len(batch)
        if self._namer is None:
            if len(batch):
                self._changed[TOPIC] = None
            yield TOPIC, batch
            return
        places: dict[str, list[int]] = {}
        for place in range(len(batch)):
            name = self._namer(batch.show(place).record)
            if name != NONE:
                name, leaver = self._seats.take(name)
                if leaver is not None:
                    self._leaving.append(leaver)
            places.setdefault(name, []).append(place)
        for name, found in places.items():
            self._changed[name] = None
            yield name, batch.take(np.array(found))

    def _take_leavers(self) -> list[str]:
        """Sources that lost their seat, and did not win it back at once."""
        leaving, self._leaving = dict.fromkeys(self._leaving), []
        return [name for name in leaving if name not in self._seats and name in self._detectors]

    def _leave(self, name: str, changes: Changes | None) -> None:
        """Forgets a source. Its lines that wait are scored, when they are few with those of the rare sources.

        changes: None while lines are learned again, whose effects are in the store already.
        """
        effects = Changes(self._topic, self._partition, None, 0) if changes is None else changes
        findings = effects.part(name)
        waiting = self._detectors.pop(name).give_up(findings)
        findings.forget = True
        self._changed.pop(name, None)
        self._unscored_from.pop(name, None)
        if not waiting:
            return
        self._changed[RARE] = None
        shared = self._detector(RARE)
        if changes is None:
            shared.relearn_waiting(waiting, unscored_from=self._unscored_from.get(RARE))
        else:
            shared.adopt(waiting, changes.part(RARE), changes.now)

    def plant(self, seeds: Mapping[str, bytes]) -> list[str]:
        """Lets sources without a memory begin with what was learned, by name; returns what is of no use, and why.

        To be called before anything else.
        """
        if not seeds:
            return []
        kind = PartitionDetector(
            self._topic, self._partition, self._dim, self._settings, model=self._model
        ).kind
        refused = {name: why for name, seed in seeds.items() if (why := usable(seed, kind))}
        self._seeds = {name: seed for name, seed in seeds.items() if name not in refused}
        return [f"{f'{self._topic}/{name}' if name else self._topic}: {why}" for name, why in refused.items()]

    @property
    def names(self) -> list[str]:
        """Sources that have a detector."""
        return [*self._detectors]

    def detector(self, name: str) -> PartitionDetector:
        """The detector of a source that has had lines."""
        return self._detectors[name]

    def _detector(self, name: str) -> PartitionDetector:
        """A source's detector; a new one begins with its seed and goes on with the windows that the store has."""
        known = self._detectors.get(name)
        if known is None:
            source = f"{self._topic}/{name}" if name else self._topic
            known = PartitionDetector(
                source, self._partition, self._dim, self._settings, model=self._model, told=self._told
            )
            self._detectors[name] = known
            if name in self._seeds:
                plant(self._seeds[name], known)
            if (stored := self._stored.pop(name, None)) is not None:
                self._unscored_from[name] = stored.waiting_from
                known.restore_windows(stored.windows)
                known.learn_decisions(stored.known)
                known.learn_feedback(stored.feedback)
        return known

    def _findings(self, changes: Changes, name: str) -> Findings:
        return changes.part(name) if name else changes

    def finish(self, changes: Changes) -> None:
        """Scores lines that still wait for the end of a warm-up: for a source that ends, such as a file."""
        changes.model = self._model
        for name, detector in self._detectors.items():
            detector.finish(self._findings(changes, name))
            self._changed[name] = None

    def due(self, now: float) -> bool:
        """Whether a warm-up ends by time, or a source stopped, so that ``tick`` has something to apply.

        now: seconds since the epoch. Each detector is to be asked: by that it knows that somebody listens.
        """
        due = [detector.due(now) for detector in self._detectors.values()]
        return any(due)

    def tick(self, now: float, changes: Changes) -> None:
        """Ends the warm-ups that time ends, and tells which sources stopped, without a further line."""
        changes.model = self._model
        for name, detector in self._detectors.items():
            if detector.due(now):
                self._changed[name] = None
                detector.tick(self._findings(changes, name), now)
            elif name == TOPIC:
                detector.describe(changes)

    def decided(self, applied: Applied) -> None:
        """Takes what the store decided about templates in a step."""
        for name, found in {TOPIC: applied, **applied.parts}.items():
            if name in self._detectors:
                self._detectors[name].decided(found)

    def snapshot_due(self, every: int, read: int = 0) -> bool:
        """Whether there have been ``every`` lines since the last snapshot for each source that has changed since.

        So bytes of snapshots a line are the same for any number of sources. They are at most SNAPSHOT_SHARE of those
        that are read: the next one waits until that is worth the last one. The first is due at once.
        read: bytes of messages since the last call.
        """
        self._read += read
        if not self._changed or not self._saved:
            return bool(self._changed)
        return self._lines >= every * len(self._changed) and self._read * SNAPSHOT_SHARE >= self._saved

    @property
    def unsaved(self) -> int:
        """Lines since the last snapshot."""
        return self._lines

    def snapshot(self, offset: int, changes: Changes, *, reader: bytes = b"") -> None:
        """Adds to ``changes``, after all else that is in them, the memory of every source that has changed.

        offset: after the last line that was seen. reader: what whoever reads the lines wants to be kept with it.
        """
        self._reader.value = reader
        if self._namer is not None:
            changes.snapshot = snapshot.save(self._parts, self._kind, offset)
        self._saved = len(changes.snapshot or b"")
        for name in self._changed:
            detector, findings = self._detectors[name], self._findings(changes, name)
            beside = {"reader": self._reader} if name == TOPIC else {}
            findings.snapshot = detector.snapshot(offset, **beside)
            self._saved += len(findings.snapshot)
            detector.describe(findings)
        for name, stored in self._stored.items():  # of other settings than now
            if name and (stored.snapshot, stored.waiting_from) != (None, None):
                changes.part(name).forget = True
        self._stored, self._changed, self._lines, self._read = {}, {}, 0, 0

    @property
    def reader(self) -> bytes:
        """What was kept with the snapshot for whoever reads the lines."""
        return self._reader.value

    def resume(self, stored: Stored) -> None:
        """Goes on without a usable snapshot: with the store's windows, and lines that wait as they are read again."""
        own = StoredSource(None, stored.waiting_from, stored.windows, stored.known, stored.feedback)
        self._stored = {**stored.sources, TOPIC: own}
        if self._namer is None:
            self._detector(TOPIC)

    def restore(self, stored: Stored) -> int:
        """Takes up a snapshot and returns its offset, from which lines are to be read again.

        Raises ValueError, in one line, when it is not one of ours; the object is then of no use.
        """
        if stored.snapshot is None:
            raise ValueError("there is no snapshot")
        self.resume(stored)
        self._saved = len(stored.snapshot)
        if self._namer is None:
            detector = self._detector(TOPIC)
            return detector.restore(stored.snapshot, waiting_from=stored.waiting_from, reader=self._reader)
        offset = snapshot.load(stored.snapshot, self._parts, self._kind)
        for name in (*self._seats.seated, NONE, RARE):
            source = stored.sources.get(name, StoredSource())
            if source.snapshot is not None:
                self._detector(name).restore(source.snapshot, waiting_from=source.waiting_from)
            elif source.waiting_from is not None and source.waiting_from < offset:
                raise ValueError(f"source {name} has lines that wait, and no snapshot")
        return offset
