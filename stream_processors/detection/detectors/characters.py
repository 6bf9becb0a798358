"""Values that are written unlike those of their name: payloads, encodings, injections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.detectors.slotcounts import shown
from stream_processors.detection.detectors.writing import (
    KNOWN,
    NAMES,
    OFTEN,
    PLACES,
    SIGNS,
    Counted,
    Scratch,
    read_lines,
)


class Characters:
    """Nats a pair of characters, beyond what is usual, of a line's value that is written least like others."""

    name = "characters"

    def __init__(self) -> None:
        self._counted: Counted = (
            np.zeros(PLACES, dtype=np.float32),
            np.zeros(NAMES, dtype=np.float32),
            np.zeros(SIGNS * SIGNS, dtype=np.float32),
            np.zeros(2),
        )
        self._read = np.zeros(KNOWN, dtype=np.uint64)
        self._often = np.zeros(KNOWN, dtype=OFTEN)
        self._scratch: Scratch = (
            np.zeros(SIGNS * SIGNS, dtype=np.uint32),
            np.zeros(SIGNS * SIGNS, dtype=np.uint32),
        )
        self._said = Surprises(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64))
        self._places = np.zeros((0, 2), dtype=np.int64)

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line with what came before it, and learns it."""
        batch = seen.batch
        scores = np.zeros(len(seen), dtype=np.float32)
        causes, places = np.full(len(seen), NO_CAUSE), np.zeros((len(seen), 2), dtype=np.int64)
        read_lines(
            batch.starts,
            batch.values,
            batch.types,
            (batch.buffer, batch.begins, batch.ends),
            (batch.text_begins, batch.text_ends),
            seen.templates,
            batch.kinds,
            self._read,
            self._often,
            self._counted,
            self._scratch,
            scores,
            causes,
            places,
        )
        self._said, self._places = Surprises(scores, causes), places
        return self._said

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Reads the text of those lines again when it next comes; pairs stay counted, as one value of many."""
        for place in places.tolist():
            self._read[int(seen.templates[place]) % KNOWN] = 0

    def explain(self, seen: Seen, place: int) -> Reason:
        """What is written unlike others, and what it is part of."""
        score, cause = float(self._said.scores[place]), int(self._said.causes[place])
        begin, end = self._places[place].tolist()
        written = seen.batch.buffer[begin:end].tobytes().decode("utf-8", "replace")
        if not written:
            return Reason(self.name, score, "written as usual", {})
        name, _ = shown(("", "") if cause == NO_CAUSE else seen.batch.part(place, cause))
        name, written = shown((name, written))
        where = f" in {name}" if name else ""
        numbers: dict[str, float | str] = {"written": written, "values": round(float(self._counted[3][1]))}
        text = f"{written!r}{where} is written unlike {numbers['values']:,} values before"
        return Reason(self.name, score, text, numbers)

    def state(self) -> dict[str, NDArray]:
        """The counts, and the templates whose words were read."""
        pairs, values, everyone, total = self._counted
        places = np.flatnonzero(pairs)
        return {
            "places": places.astype(np.uint32),
            "pairs": pairs[places],
            "values": values,
            "everyone": everyone,
            "total": total,
            "read": self._read,
            "often": np.frombuffer(self._often.tobytes(), dtype=np.uint8),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved counts. Raises ValueError when they are of another size."""
        pairs, values, everyone, total = self._counted
        own: NDArray
        for own, name in ((values, "values"), (everyone, "everyone"), (total, "total")):
            if state[name].shape != own.shape:
                raise ValueError(f"{name} must be {own.shape}, got {state[name].shape}")
            own[:] = state[name]
        if int(state["places"].max(initial=0)) >= PLACES or state["read"].shape != self._read.shape:
            raise ValueError("places must be below PLACES, and read of as many templates")
        pairs[:] = 0.0
        pairs[state["places"]] = state["pairs"]
        self._read[:] = state["read"]
        self._often[:] = np.frombuffer(state["often"].tobytes(), dtype=OFTEN)
        for scratch in self._scratch:
            scratch[:] = 0
