"""One partition's memory of one source and what a batch of lines changes: scores, patterns, windows.

Pure of I/O: lines and vectors in, ``Findings`` out. The worker, ``scan`` and the tests all run this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.alerts import Feedback
from connectors.decisions import News, SourceApplied
from connectors.findings import Findings, WindowPart
from stream_processors.detection import snapshot
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.daily import DayCounts
from stream_processors.detection.detectors.characters import Characters
from stream_processors.detection.detectors.ensemble import Ensemble
from stream_processors.detection.detectors.kind import Kind, Seen
from stream_processors.detection.detectors.meaning import Meaning
from stream_processors.detection.detectors.rare import Rare
from stream_processors.detection.detectors.rate import Rate
from stream_processors.detection.detectors.sequence import Sequence as Sequences
from stream_processors.detection.detectors.sharing import SharedKinds
from stream_processors.detection.detectors.values import Values
from stream_processors.detection.detectors.words import Words
from stream_processors.detection.knowledge import Kinds, Knowledge
from stream_processors.detection.policy import AlertPolicy
from stream_processors.detection.scoring import LineScoring, ScoreSink, unheard
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.silence import Silence
from stream_processors.detection.silence import told as told_silence
from stream_processors.detection.snapshot import Part
from stream_processors.detection.stopped import STOPPED, Away, Stopped
from stream_processors.detection.texts import display_text
from stream_processors.detection.waiting import Waiting, settled
from stream_processors.detection.warmup import WarmupClock
from stream_processors.detection.windows import WindowSampler


def usual_kinds(dim: int, settings: DetectionSettings) -> Sequence[Kind]:
    """The kinds of surprise of a source. dim: of its vectors."""
    return [Rare(), Words(), Characters(), Values(), Meaning(dim), Rate(), Sequences(settings.entities)]


class PartitionDetector:
    """Kinds of surprise, scores, patterns and windows of one partition of one source, of one model's vectors."""

    def __init__(
        self,
        source: str,
        partition: int,
        dim: int,
        settings: DetectionSettings,
        *,
        model: str = "",
        kinds: Sequence[Kind] | None = None,
        told: ScoreSink = unheard,
    ) -> None:
        """told: takes the score of every line, flagged or not."""
        self.source, self.partition, self.model = source, partition, model
        self.kind = snapshot.Kind(model, dim, "source")
        kinds = usual_kinds(dim, settings) if kinds is None else kinds
        ensemble = Ensemble(kinds, warmup=settings.warmup, doubts=settings.doubts)
        self._lessons = SharedKinds(kinds)
        self._known = Knowledge(model, self._merge)
        self._windows = WindowSampler(
            dim, seconds=settings.window_seconds, k=settings.window_lines, partition=partition, model=model
        )
        policy = AlertPolicy(settings.budget, partition=partition, model=model)
        self.silence, self.stopped = Silence(), Stopped()
        clock = WarmupClock(settings.warmup, settings.warmup_seconds)
        self._days = DayCounts(model)
        self._scoring = LineScoring(ensemble, policy, clock, self._days, told, settings.entities)
        self._parts: dict[str, Part] = {
            **{f"kind-{kind.name}": kind for kind in kinds},
            "ensemble": ensemble,
            "combination": ensemble.combination,
            "risk": ensemble.risk,
            "lessons": self._lessons,
            "policy": policy,
            "waiting": self._scoring.waiting,
            "warmup": clock,
            "silence": self.silence,
            "stopped": self.stopped,
        }

    def _merge(self, pattern: int, into: int) -> None:
        for kind in self._scoring.ensemble.kinds:
            if isinstance(kind, Rare):
                kind.merge(pattern, into)

    @property
    def warm(self) -> bool:
        """False while lines can't be scored yet."""
        return self._scoring.combination.ready

    def process(self, batch: LineBatch, findings: Findings, *, now: float = 0.0) -> None:
        """Takes lines whose texts have their vectors, and adds what they change to ``findings``.

        now: the worker's clock, seconds since the epoch; 0 for none.
        """
        findings.lines += len(batch)
        findings.cut += int(batch.rows.cut[batch.templates].sum())
        findings.parse_errors += int(batch.broken.sum())
        if len(batch):
            self._days.read(batch)
            kinds = Kinds(batch)
            patterns = self._known.patterns(batch, kinds)
            lines = seen(batch, kinds, patterns, now)
            findings.anomalies += self._scoring.score(lines, now)
            self._tell_silence(lines, findings)
            self._known.changes(batch, kinds, patterns, findings)
            findings.taught += self._lessons.taught()
            findings.windows += self._windows.add(batch, lambda place: display_text(batch.line(place)))
        self.describe(findings)

    def _tell_silence(self, lines: Seen, findings: Findings) -> None:
        """Adds what fell silent and what came again."""
        self._tell_away(self.stopped.follow(lines.batch, lines.now), findings, lines.now)
        for found in self.silence.follow(lines):
            text = self._known.readable(found.template)
            anomaly = told_silence(found, lines, text, partition=self.partition, model=self.model)
            template, alert = (np.array([one], dtype=np.uint64) for one in (found.template, found.id))
            if found.over:
                findings.returned.append(anomaly)
            elif self._scoring.verdicts.marks(template, alert, lines.now) is None:
                findings.anomalies.append(anomaly)

    def _tell_away(self, away: Away | None, findings: Findings, now: float) -> None:
        """Adds that the source has stopped, unless people marked that as benign, or that it is back."""
        if away is None:
            return
        anomaly, alert = (
            away.anomaly(self.source, partition=self.partition, model=self.model),
            np.array([STOPPED]),
        )
        if away.over:
            findings.returned.append(anomaly)
        elif self._scoring.verdicts.marks(alert, alert, now) is None:
            findings.anomalies.append(anomaly)

    def relearn(self, batch: LineBatch, *, waiting_from: int | None = None) -> None:
        """Takes lines between the snapshot and the applied offset: their effects are in the store already.

        waiting_from: offset of the first line that was not scored (``Findings.waiting_from``); None when all were.
        Lines before it are never flagged again; the others wait for the end of the warm-up.
        """
        if len(batch):
            kinds = Kinds(batch)
            patterns = self._known.patterns(batch, kinds)
            first = int(batch.offsets[-1]) + 1 if waiting_from is None else waiting_from
            lines = seen(batch, kinds, patterns, 0.0)
            self._scoring.relearn(lines, unscored_from=first)
            self.silence.follow(lines)
            self.stopped.follow(batch, 0.0)
            self._lessons.taught()  # the others have it already

    def finish(self, findings: Findings) -> None:
        """Scores lines that still wait for the end of the warm-up: for a source that ends, such as a file."""
        findings.anomalies += self._scoring.finish()
        self.describe(findings)

    def due(self, now: float) -> bool:
        """Whether there is something to apply without a line: the warm-up ends by time, patterns merge, it stopped."""
        stopped = self.stopped.due(now)
        return stopped or self._scoring.due(now) or self._known.pending

    def tick(self, findings: Findings, now: float) -> None:
        """Ends the warm-up when time does, and tells of merges and that the source stopped, without a further line."""
        findings.anomalies += self._scoring.tick(now)
        self._tell_away(self.stopped.tick(now), findings, now)
        self.describe(findings)

    def give_up(self, findings: Findings) -> list[Waiting]:
        """Scores lines that still wait; returns them instead when they are too few, for another detector."""
        waiting = [] if self._scoring.clock.enough() else self._scoring.waiting.take()
        self.finish(findings)
        findings.warmup = None
        return waiting

    def adopt(self, waiting: Sequence[Waiting], findings: Findings, now: float) -> None:
        """Takes lines that waited elsewhere and were never scored."""
        findings.anomalies += self._scoring.adopt(waiting, now)
        self.describe(findings)

    def relearn_waiting(self, waiting: Sequence[Waiting], *, unscored_from: int | None) -> None:
        """As ``adopt``, up to the applied offset: lines before ``unscored_from``, all for None, were scored."""
        self._scoring.relearn_waiting(settled(waiting, unscored_from))

    def decided(self, applied: SourceApplied) -> None:
        """Takes what the store decided about templates in a step, and what it knows of the other partitions."""
        self._known.adopt(applied)
        if applied.lessons is not None:
            self._lessons.learn(applied.lessons)
        self._scoring.policy.pacer.others = applied.others
        self._scoring.verdicts.learn(applied.feedback)

    def learn_decisions(self, known: News) -> None:
        """Takes all that the store has decided about templates, before anything else."""
        self._known.learn(known)

    def learn_feedback(self, feedback: Feedback) -> None:
        """Takes what people said of patterns, before anything else."""
        self._scoring.verdicts.learn(feedback)

    def describe(self, findings: Findings) -> None:
        """Says of which model the findings are, which lines wait, and which patterns merged."""
        self._known.tell(findings)
        self._days.tell(findings)
        unscored = self._scoring.waiting.unscored
        findings.model = self.model
        findings.heard = self._lessons.heard
        findings.warming_up = len(unscored)
        findings.waiting_from = min((line.offset for line in unscored), default=None)
        findings.warmup = None if self.warm else self._scoring.clock.facts()
        findings.pace = self._scoring.policy.pacer.pace()
        findings.feedback = self._scoring.verdicts.version

    def snapshot(self, offset: int, **beside: Part) -> bytes:
        """All but the windows, the lines that wait included, as safetensors bytes, at ``offset``.

        beside: parts of others that are kept with it.
        """
        return snapshot.save(self._parts | beside, self.kind, offset)

    def restore(self, saved: bytes, *, waiting_from: int | None = None, **beside: Part) -> int:
        """Takes up a snapshot and returns its offset. Raises ValueError, in one line, when it is not one of ours.

        waiting_from: offset of the first line that was not scored since; None when all were. beside: as it was saved.
        """
        offset = snapshot.load(saved, self._parts | beside, self.kind)
        self._scoring.waiting.settle(waiting_from)
        return offset

    def restore_windows(self, parts: Sequence[WindowPart]) -> None:
        """Goes on with the store's windows of this partition; parts of another model or length are set aside."""
        self._windows.restore(parts)


def seen(batch: LineBatch, kinds: Kinds, patterns: NDArray[np.uint64], now: float) -> Seen:
    """Lines with their templates and patterns. patterns: those of the batch's templates, uint64 (templates,)."""
    return Seen(batch, kinds.numbers[kinds.of], patterns[kinds.of], now)
