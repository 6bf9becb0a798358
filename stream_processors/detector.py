"""Detection for streams of one's own: lines in, scored lines, templates and alerts out; no Kafka, no Redis."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from connectors.alerts import Alert
from connectors.findings import Anomaly, Changes, Pattern, Template
from connectors.records import Message
from connectors.store import Stored
from stream_processors.assembly import make_embedder, make_matching
from stream_processors.detection import snapshot
from stream_processors.detection.naming import WHOLE_TOPIC
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.reading import Step
from stream_processors.detection.sources import TOPIC, Sources
from stream_processors.feeding import Feed, NumberedReader, Taken
from stream_processors.incoming import Item, messages_of
from stream_processors.keeping import Keeper
from stream_processors.results import Failure, Late, Result, Results
from stream_processors.settings import Settings, SettingsError, load_settings

STATE = "library 1"
"""What a state is of; another number when what is in it beside detection's memory changes."""
Place = tuple[int, int]
AnySettings = Settings | Mapping[str, Any] | str | Path | None


class Engine:
    """What detectors share: settings, the model, and the table of templates with their vectors. For many threads."""

    def __init__(self, settings: AnySettings = None, bundle: str | Path | None = None) -> None:
        """As of ``Detector``. Raises SettingsError."""
        self.settings = settings_from(settings, bundle)
        self._lock = Lock()
        self._loaded: Pipeline | None = None

    @property
    def pipeline(self) -> Pipeline:
        """With the model, which is loaded at the first use. Raises BundleError and SettingsError, in one line."""
        with self._lock:
            if self._loaded is None:
                self._encoder = make_embedder(self.settings)
                self._loaded = Pipeline(self._encoder, make_matching(self.settings))
            return self._loaded

    @property
    def model(self) -> str:
        """Identity of the model, name@version#hash."""
        assert self.pipeline
        return self._encoder.bundle.identity

    @property
    def dim(self) -> int:
        """Of its vectors."""
        assert self.pipeline
        return self._encoder.dim


def settings_from(settings: AnySettings, bundle: str | Path | None) -> Settings:
    """Settings of whatever kind they are given as. Raises SettingsError."""
    if isinstance(settings, Settings):
        found = settings.model_copy(deep=True)
    else:
        given = dict(settings) if isinstance(settings, Mapping) else {}
        path = Path(settings) if isinstance(settings, str | Path) else None
        if settings is not None and path is None and not isinstance(settings, Mapping):
            raise SettingsError(f"settings: expected a table or a file, got {type(settings).__name__}")
        found = load_settings(path, given)
    if bundle is not None:
        found.encoder.bundle = Path(bundle)
    return found


class Detector:
    """Scores the lines of one source in order: of one partition, one tenant, one file.

    What it knows is the source's alone. Lines of several sources belong into several detectors (``DetectorPool``).

    Threads: each call has the detector to itself, others wait; lines count in the order of the calls. Detectors that
    share a model (``DetectorPool``) work side by side. A call computes, it never waits for a network: in an event loop
    it belongs into ``asyncio.to_thread``. It does not survive a fork.
    """

    def __init__(
        self,
        settings: AnySettings = None,
        *,
        bundle: str | Path | None = None,
        source: str = "lines",
        engine: Engine | None = None,
    ) -> None:
        """Nothing is loaded before the first line.

        settings: dotted names to values, e.g. ``{"detection.alert_budget": "20 an hour"}``, or a TOML or YAML file;
        what is not in it comes from the environment, as for the commands. bundle: folder of the model, the setting
        ``encoder.bundle``. source: its name in alerts, and its topic for ``stream.by_topic``. engine: of another
        detector, in place of settings and bundle.

        Raises SettingsError, in one line that names the setting.
        """
        if engine is not None and (settings is not None or bundle is not None):
            raise SettingsError("engine: has its settings and its bundle; they can't be given beside it")
        self.engine = engine or Engine(settings, bundle)
        self.source = source
        try:
            self._reading = self.engine.settings.stream.reading(source)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        if self._reading.source != WHOLE_TOPIC:
            raise SettingsError(
                f"stream.source = {self._reading.source}: a Detector is one source; "
                "give each a Detector of its own (DetectorPool)"
            )
        self._lock = Lock()
        self._over = ""
        self._heard: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]] = []
        self._keeper, self._held = Keeper(), list[Message]()
        self._reader = NumberedReader(self._reading)
        self._feed: Feed | None = None

    def _loaded(self) -> Feed:
        """What takes its lines; made with the first of them."""
        self._feed = self._feed or self._new_feed(self._keeper)
        return self._feed

    def _new_feed(self, keeper: Keeper, applied: int | None = None) -> Feed:
        engine = self.engine
        sources = Sources(
            self.source,
            0,
            engine.dim,
            engine.settings.detection,
            model=engine.model,
            told=lambda *scores: self._heard.append(scores),
        )
        return Feed(self.source, engine.pipeline, sources, keeper, applied=applied)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of memory and model; lines that wait are lost but for a ``state`` or ``flush`` before."""
        with self._lock:
            self._over = "it is closed"
            self._keeper, self._held, self._feed = Keeper(), [], None

    @property
    def model(self) -> str:
        """Identity of the model, name@version#hash; loads it."""
        return self.engine.model

    @property
    def lines(self) -> int:
        """Lines that it has taken, before its state was saved too."""
        return self._keeper.lines

    def process(
        self, lines: Iterable[Item], timestamps: Iterable[float | None] | float | None = None
    ) -> Results:
        """Takes messages, and answers what can be said of their lines by now.

        lines: each a ``str``, ``bytes``, a mapping (read as JSON) or a ``connectors.records.Message``; one may hold any
        number of lines, as a message of Kafka may. timestamps: Kafka's, seconds since the epoch, of all or one each; a
        line that states a time has that one (setting ``stream.time``), one without any that of the line before it.

        A result comes for every line that is read to its end. The first lines (setting ``detection.warmup``) wait
        for their scores, which come as ``Results.late``. A piece of a line that another message may go on with is held
        back for a second: an empty call, ``process([])``, lets time pass where no line comes.

        How lines are cut into calls changes nothing. No content of a line raises. Raises TypeError and ValueError, in
        one line, for what is no line or time, and has then taken nothing; BundleError for a model that can't be loaded;
        anything else is a fault of ours, after which the detector is to be made anew from its last state.
        """
        with self._lock:
            return self._run(messages_of(lines, timestamps, time.time()))

    def flush(self) -> Results:
        """Ends what waits: lines that are held back are read, and those of the warm-up scored with what is known."""
        with self._lock:
            return self._run([], flush=True)

    def _run(self, messages: list[Message], *, flush: bool = False) -> Results:
        self._check()
        feed, reader, now = self._loaded(), self._reader, time.time()
        results, late, failed = list[Result](), list[Late](), list[Failure]()
        self._over = "a call failed; go on from its last state"
        self._held += reader.add(messages)
        for step in reader.steps(self.engine.settings.stream.batch_lines, whole=flush):
            self._say(feed.take(step, now=now), results, late, failed)
        if feed.sources.due(now):
            self._say(feed.take(Step(reader.lines.done), now=now), results, late, failed)
        if flush:
            late += self._late(feed.finish())
        self._held = [message for message in self._held if message.offset >= reader.lines.done]
        self._over = ""
        return Results(results, late, self._keeper.told(), failed)

    def _say(self, taken: Taken, results: list[Result], late: list[Late], failed: list[Failure]) -> None:
        """Adds what became of a step."""
        lines, gone = taken.lines, {(one.line.offset, one.line.index) for one in taken.failed}
        scores, anomalies = self._scores(), anomalies_of(taken.changes)
        keys = lines.rows.templates[lines.distinct.rows].tolist() if len(lines) else []
        patterns = {number: self._keeper.pattern_of(f"{number:016x}") for number in keys}
        nan = float("nan")
        for place, (offset, index, at) in enumerate(
            zip(lines.offsets.tolist(), lines.indexes.tolist(), lines.times.tolist(), strict=True)
        ):
            one = offset, index
            if one in gone:
                continue
            score, found = scores.pop(one, nan), anomalies.get(one)
            results.append(Result(offset, index, at, score, found, lines, place, patterns))
        late += [Late(*one, score, anomalies.get(one)) for one, score in scores.items()]
        failed += [Failure(one.line, one.error, one.whole) for one in taken.failed]

    def _late(self, changes: Changes) -> list[Late]:
        found = anomalies_of(changes)
        return [Late(*one, score, found.get(one)) for one, score in self._scores().items()]

    def _scores(self) -> dict[Place, float]:
        """Scores that were told of since the last call."""
        heard, self._heard = self._heard, []
        return {
            (offset, index): score
            for offsets, indexes, scores in heard
            for offset, index, score in zip(offsets.tolist(), indexes.tolist(), scores.tolist(), strict=True)
        }

    def _check(self) -> None:
        if self._over:
            raise RuntimeError(f"this Detector is of no more use: {self._over}")

    def templates(self) -> list[Template]:
        """The latest 4,096 templates with their counts, examples and patterns, the most lines first."""
        with self._lock:
            return self._keeper.templates()

    def patterns(self) -> list[Pattern]:
        """What these form, the most lines first."""
        with self._lock:
            return self._keeper.patterns()

    def alerts(self) -> list[Alert]:
        """The latest 1,024 alerts as they are now, the latest first; ``Results.alerts`` has those to tell of."""
        with self._lock:
            return self._keeper.alerts()

    def state(self) -> bytes:
        """All that it knows, lines that wait or are held back included: no pickle, and with the model's identity.

        The scores after ``restore`` are those of a detector that was never stopped.
        """
        with self._lock:
            self._check()
            feed, reader = self._loaded(), self._reader
            sources, done = feed.sources, reader.lines.done
            memory, kept, beside = snapshot.Slot(), snapshot.Slot(), snapshot.Slot()
            beside.value = reader.lines.state()
            if TOPIC in sources.names:
                memory.value = sources.detector(TOPIC).snapshot(done, reader=beside)
            kept.value = self._keeper.save(end=reader.end, latest=reader.latest, held=self._held)
            return snapshot.save({"memory": memory, "kept": kept}, self._kind(), done)

    def restore(self, state: bytes) -> None:
        """Takes up a ``state``, in place of what is known so far.

        Raises ValueError, in one line, when it is none, or of another version or model, and names both; the detector is
        then as it was.
        """
        with self._lock:
            memory, kept = snapshot.Slot(), snapshot.Slot()
            done = snapshot.load(state, {"memory": memory, "kept": kept}, self._kind())
            keeper, saved, held = Keeper.load(kept.value)
            reader, feed = NumberedReader(self._reading, start=done), self._new_feed(keeper, done)
            if memory.value:
                feed.sources.restore(
                    Stored(done, snapshot=memory.value, waiting_from=0, known=keeper.known())
                )
                reader.lines.restore(feed.sources.reader)
            reader.latest = saved.latest
            reader.add(held)
            reader.skip(saved.end)
            self._keeper, self._reader, self._held = keeper, reader, held
            self._feed, self._over, self._heard = feed, "", []

    @classmethod
    def load(
        cls,
        state: bytes,
        settings: AnySettings = None,
        *,
        bundle: str | Path | None = None,
        source: str = "lines",
        engine: Engine | None = None,
    ) -> Self:
        """A detector that goes on from a ``state``. Raises as the constructor and ``restore`` do."""
        detector = cls(settings, bundle=bundle, source=source, engine=engine)
        detector.restore(state)
        return detector

    def _kind(self) -> snapshot.Kind:
        return snapshot.Kind(self.engine.model, self.engine.dim, STATE)


def anomalies_of(changes: Changes) -> dict[Place, Anomaly]:
    """The flagged lines of a step by their place; what fell silent is no line."""
    return {(one.offset, one.index): one for one in changes.anomalies if one.index >= 0}
