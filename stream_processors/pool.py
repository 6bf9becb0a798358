"""Detectors by key, with one model: for streams that carry many sources or partitions. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from types import TracebackType

from typing_extensions import Self

from stream_processors.detector import AnySettings, Detector, Engine


class DetectorPool:
    """One ``Detector`` a key, which share the model and the templates' vectors.

    most: detectors in memory at once. One more, and the one unused for longest leaves: its state goes to ``save``, and
    comes back from ``load`` with its key; without them it is forgotten.

    Threads: safe to use from many; detectors of different keys work side by side. One that left must not be used any
    longer, so ask for it by its key each time.
    """

    def __init__(
        self,
        settings: AnySettings = None,
        *,
        bundle: str | Path | None = None,
        most: int = 100,
        save: Callable[[str, bytes], None] | None = None,
        load: Callable[[str], bytes | None] | None = None,
    ) -> None:
        """As of ``Detector``. save: takes key and state. load: the state of a key, None for a new one."""
        if most < 1:
            raise ValueError(f"most: at least 1, got {most}")
        self._engine, self._most = Engine(settings, bundle), most
        self._save, self._load = save, load
        self._detectors: OrderedDict[str, Detector] = OrderedDict()
        self._lock = Lock()

    def __getitem__(self, key: str) -> Detector:
        """The detector of a key, which is the name of its source. Raises what ``save``, ``load`` and a refused state
        raise; nothing has changed then.
        """
        with self._lock:
            found = self._detectors.get(key)
            if found is None:
                state = self._load(key) if self._load else None
                found = Detector(engine=self._engine, source=key)
                if state is not None:
                    found.restore(state)
                while len(self._detectors) >= self._most:
                    self._leave(next(iter(self._detectors)))
                self._detectors[key] = found
            self._detectors.move_to_end(key)
            return found

    def __len__(self) -> int:
        return len(self._detectors)

    def __iter__(self) -> Iterator[str]:
        """Keys of the detectors in memory, the one unused for longest first."""
        return iter(list(self._detectors))

    def leave(self, key: str) -> None:
        """Saves a key's detector and lets go of it: a partition that was taken away. Nothing for one not in memory."""
        with self._lock:
            if key in self._detectors:
                self._leave(key)

    def _leave(self, key: str) -> None:
        detector = self._detectors[key]
        if self._save:
            self._save(key, detector.state())
        detector.close()
        del self._detectors[key]

    def close(self) -> None:
        """Saves all and lets go of them."""
        with self._lock:
            for key in list(self._detectors):
                self._leave(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
