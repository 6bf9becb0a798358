"""What a ``Detector`` says of lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from connectors.alerts import Alert
from connectors.findings import Anomaly, Reason
from connectors.records import Line, Record
from encoder_core.templates import Parameter
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.texts import display_text


@dataclass(frozen=True, slots=True)
class Result:
    """One line. What is not a field is made when it is asked for, from the lines that came with it."""

    offset: int
    """Number of its message among all that the Detector was given, from 0."""
    index: int
    """Its place among the lines of its message; with ``offset`` its identity."""
    timestamp: float
    """When it happened, seconds since the epoch; 0 where nothing says so."""
    score: float
    """How unusual it is, higher is more; nan while it waits for the end of the warm-up."""
    anomaly: Anomaly | None
    """What is said of it when it is flagged."""
    _lines: LineBatch = field(repr=False, compare=False)
    _place: int = field(repr=False, compare=False)
    _patterns: Mapping[int, str] = field(repr=False, compare=False)

    @property
    def waiting(self) -> bool:
        """Whether it has no score yet: a later ``Results.late`` has it."""
        return self.score != self.score

    @property
    def flagged(self) -> bool:
        """Whether it is among the most unusual lines that the budget allows."""
        return self.anomaly is not None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it is flagged, the strongest reason first; none for a line that is not."""
        return self.anomaly.reasons if self.anomaly else ()

    @property
    def template(self) -> str:
        """Its text with a placeholder for every part that varies."""
        return self._lines.rows.shapes[self._row]

    @property
    def template_id(self) -> str:
        """16 hexadecimal digits; the same for the same template wherever and whenever."""
        return f"{self._number:016x}"

    @property
    def pattern_id(self) -> str:
        """The pattern of its template as it was when the line was read: templates that say the same share one."""
        return self._patterns[self._number]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What varies in it: slot, type and value of each."""
        return tuple(self._lines.parameters(self._place))

    @property
    def line(self) -> Line:
        """The line with its message's key, value and headers."""
        return self._lines.line(self._place)

    @property
    def record(self) -> Record:
        """What is understood of it: format, columns, time, severity."""
        return self.line.record

    @property
    def severity(self) -> int:
        """OpenTelemetry's severity number, 1 to 24; 0 where nothing states one."""
        return int(self._lines.severities[self._place])

    @property
    def text(self) -> str:
        """The line as it came, for people, cut to a few kilobytes."""
        return display_text(self.line)

    @property
    def _row(self) -> int:
        return int(self._lines.templates[self._place])

    @property
    def _number(self) -> int:
        return int(self._lines.rows.templates[self._row])

    def as_dict(self) -> dict[str, Any]:
        """All of it that JSON can say, with no hold on other lines. The score of a line that waits is None."""
        return {
            "offset": self.offset,
            "index": self.index,
            "timestamp": self.timestamp,
            "score": None if self.waiting else self.score,
            "waiting": self.waiting,
            "flagged": self.flagged,
            "reasons": [reason.text for reason in self.reasons],
            "template": self.template,
            "template_id": self.template_id,
            "pattern_id": self.pattern_id,
            "parameters": [parameter._asdict() for parameter in self.parameters],
            "severity": self.severity,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Late:
    """The score of a line that waited for the end of the warm-up."""

    offset: int
    index: int
    """With ``offset`` the identity of its ``Result``."""
    score: float
    anomaly: Anomaly | None
    """What is said of it when it is flagged."""

    @property
    def flagged(self) -> bool:
        """Whether it is among the most unusual lines that the budget allows."""
        return self.anomaly is not None


@dataclass(frozen=True, slots=True)
class Failure:
    """A line, or a whole message, that could not be processed: a case for a dead-letter topic."""

    line: Line
    """Its message's number, key, value and headers."""
    error: Exception
    whole: bool
    """Whether it is the message with all of its lines."""


class Results(Sequence[Result]):
    """The lines that a call read, in order, and what else it found."""

    def __init__(
        self,
        results: Sequence[Result] = (),
        late: Sequence[Late] = (),
        alerts: Sequence[Alert] = (),
        failed: Sequence[Failure] = (),
    ) -> None:
        self._results = results
        self.late = late
        """Scores of lines of earlier calls, or of this one, that waited."""
        self.alerts = alerts
        """Alerts to tell of: flagged lines folded by pattern, those that waited among them. One that is open is told
        again when it comes in another way or ten times as fast, and when what fell silent is back (``Alert.why``)."""
        self.failed = failed

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, place: int) -> Result: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Result]: ...

    def __getitem__(self, place: int | slice) -> Result | Sequence[Result]:
        return self._results[place]

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results)

    @property
    def scores(self) -> NDArray[np.float64]:
        """Of its lines, (lines,), nan of those that wait."""
        return np.array([result.score for result in self._results], dtype=np.float64)
