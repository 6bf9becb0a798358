"""Many objects at once: those that are lines become rows, and of those in an envelope the text is taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from connectors.envelopes.collecting import Buffer, Lines, Places, Spans
from connectors.envelopes.compiled import headlines, settle, unescaped
from connectors.envelopes.gathering import Gathered, gathered, level_key, not_utf8
from connectors.envelopes.learned import Around, Holders, Learned
from connectors.envelopes.otlp_batch import HeldRecords, record_seconds
from connectors.envelopes.planned import PlanBook
from connectors.envelopes.planning import Columns, Undone
from connectors.envelopes.stated import stated_times
from connectors.envelopes.unread import within
from connectors.formats.clock import UTC, Clock
from connectors.formats.json_bytes import ESCAPED, KEY
from connectors.formats.json_scan import Scan, scanned
from connectors.formats.numbers import Numbers
from connectors.formats.rows import Rows
from connectors.formats.times import parse_time
from connectors.records import INFO, ORIGIN

_PLACES = frozenset(ORIGIN)

LONGEST_LINE = 16_000
"""Bytes of text that an envelope holds, escapes included: a runtime cuts longer lines in pieces."""
LONGEST_HEADLINE = 4_096
"""Characters, or bytes."""
UNSURE = 2
MOST_SEVERITIES = 16_384
"""Values that state a severity, or none, that are remembered."""


class Objects:
    """What one reader knows of objects. candidates: the envelopes that one may have; clock: of times without a zone."""

    def __init__(self, candidates: Callable[[dict[str, Any]], Sequence[Any]], clock: Clock) -> None:
        self._clock = clock
        self.plans = PlanBook()
        self.arounds: list[Around] = []
        """What envelopes said together, by number."""
        self._said = np.zeros((1, 2), np.uint8)
        """Severity of each, and whether it has more columns than ``ORIGIN``; behind them of none."""
        self._numbers: dict[tuple[int, int], int] = {}
        self._alone = Learned(candidates)
        self._held = Learned(lambda _: (HeldRecords,))
        self._severities = Numbers()

    def forget(self) -> None:
        """Begins anew where there is too much."""
        if self.plans.is_full or self._alone.is_full or self._held.is_full:
            self._clear()
        if len(self._severities) > MOST_SEVERITIES:
            self._severities.clear()

    def _clear(self) -> None:
        self.plans.clear()
        self._alone.clear()
        self._held.clear()
        self.arounds.clear()
        self._said = self._said[-1:]
        self._numbers.clear()
        self._severities.clear()

    @property
    def streams(self) -> bool:
        """Whether it is known which stream a line is of."""
        return self._alone.streams

    def heed_streams(self) -> None:
        """From now on it is known. Much more is then to be remembered: all about each file and container."""
        if not self.streams:
            self._alone.streams = self._held.streams = True
            self._clear()

    def undo(
        self, buffer: Buffer, spans: Spans, lines: Lines, holders: Holders | None = None
    ) -> Spans | None:
        """Takes the objects that are lines; gives what envelopes held as text.

        holders: of objects that are several in a message.
        """
        learned = self._alone if holders is None else self._held
        data = buffer.array
        scan = scanned(data, spans.begins, spans.ends)
        wide = np.flatnonzero(scan.wide)
        if len(wide):
            scan.shapes[wide[not_utf8(data, spans.begins[wide], spans.ends[wide])]] = 0

        def text_of(row: int) -> bytes:
            return data[spans.begins[row] : spans.ends[row]].tobytes()

        shapes = learned.shape_numbers(scan, text_of)
        plans = self._plans_of(shapes, spans.arounds, learned)
        inside = np.flatnonzero((shapes >= 0) & (plans < 0))
        if len(inside):
            held = np.array([shape.envelope is not None for shape in learned.shapes])
            inside = inside[held[shapes[inside]]]
        texts = None
        if len(inside):
            contexts = learned.context_numbers(data, scan, inside, shapes[inside], holders, text_of)
            some = contexts >= 0
            spans, texts = self._inside(buffer, spans, scan, inside[some], contexts[some], learned, plans)
        self._gather(buffer, spans, scan, np.flatnonzero(plans >= 0), plans, lines)
        return texts

    def _plans_of(self, shapes: Places, arounds: Places, learned: Learned) -> Places:
        """The plan of each object that is a line by itself, -1 of any other."""
        pairs, of = np.unique((shapes << 32) | (arounds + 1), return_inverse=True)
        plans = np.full(len(pairs), -1, np.int64)
        for place, pair in enumerate(pairs.tolist()):
            if pair >= 0 and (columns := learned.shapes[pair >> 32].columns) is not None:
                plans[place] = self._plan(columns, (pair & 0xFFFFFFFF) - 1)
        return plans[of.reshape(-1)]

    def _plan(self, columns: Columns, around: int) -> int:
        return self.plans.number(columns, self.arounds[around].inner if around >= 0 else None)

    def _inside(
        self,
        buffer: Buffer,
        spans: Spans,
        scan: Scan,
        rows: Places,
        contexts: Places,
        learned: Learned,
        plans: Places,
    ) -> tuple[Spans, Spans | None]:
        """Undoes the envelopes of objects: the objects with what these say, and the texts in them. Sets the plans of
        those that are lines.
        """
        pairs, of = np.unique((contexts << 32) | (spans.arounds[rows] + 1), return_inverse=True)
        of = of.reshape(-1)
        about = np.full((len(pairs), 6), -1, np.int64)
        """Leaves of time, line and headline, plan and around, whether ends are stripped."""
        nanoseconds = np.zeros(len(pairs), np.bool_)
        undone: list[Undone | None] = []
        for place, pair in enumerate(pairs.tolist()):
            context = learned.contexts[pair >> 32]
            undone.append(context)
            if context is None:
                continue
            around = self._around(context, (pair & 0xFFFFFFFF) - 1)
            plan = -1 if context.columns is None else self._plan(context.columns, around)
            parts = (context.time, context.line, context.headline)
            about[place, :3] = [-1 if part is None else part for part in parts]
            about[place, 3:] = plan, around, context.strips
            nanoseconds[place] = context.passing.seconds is record_seconds
        stamp, line, headline, plan, around, strips = about[of].T
        times = np.where(around >= 0, spans.times[rows], np.nan)
        good = around >= 0
        stamped = np.flatnonzero(stamp >= 0)
        leaves = scan.starts[rows[stamped]] + stamp[stamped]
        data, found = buffer.array, (scan.begins, scan.ends, scan.kinds)
        times[stamped] = stated_times(data, leaves, *found, nanoseconds[of[stamped]])
        for place in stamped[np.isnan(times[stamped])].tolist():
            context = undone[of[place]]
            assert context is not None
            stated = context.passing.seconds(_value(data, scan, int(scan.starts[rows[place]] + stamp[place])))
            good[place] = stated is not None
            times[place] = np.nan if stated is None else stated
        titled = np.flatnonzero(good & (headline >= 0))
        if len(titled):
            leaves = scan.starts[rows[titled]] + headline[titled]
            is_headline = headlines(data, leaves, *found, LONGEST_HEADLINE)
            for place in np.flatnonzero(is_headline == UNSURE).tolist():
                is_headline[place] = _is_headline(_value(data, scan, int(leaves[place])))
            good[titled] = is_headline > 0
        whole = np.flatnonzero(good & (plan >= 0))
        plans[rows[whole]] = plan[whole]
        spans = spans._replace(arounds=spans.arounds.copy(), times=spans.times.copy())
        spans.arounds[rows], spans.times[rows] = around, times
        texts = np.flatnonzero(good & (line >= 0))
        leaves = scan.starts[rows[texts]] + line[texts]
        short = scan.ends[leaves] - scan.begins[leaves] <= LONGEST_LINE
        texts, leaves = texts[short], leaves[short]
        if not len(texts):
            return spans, None
        begins, ends = unescaped(buffer, scan, leaves, strips[texts] > 0)
        return spans, Spans(begins, ends, spans.lines[rows[texts]], around[texts], times[texts])

    def _around(self, context: Undone, outer: int) -> int:
        """The number of what an envelope said, with those around it."""
        key = id(context), outer
        number = self._numbers.get(key)
        if number is None:
            if outer < 0:
                around = Around(context.inner, context.name)
            else:
                before = self.arounds[outer]
                around = Around(within(context.inner, before.inner), f"{before.names}/{context.name}")
            number = self._numbers[key] = len(self.arounds)
            self.arounds.append(around)
            adds = not _PLACES.issuperset(around.inner.columns)
            self._said = np.insert(self._said, number, (around.inner.severity, adds), 0)
        return number

    def _gather(
        self, buffer: Buffer, spans: Spans, scan: Scan, places: Places, plans: Places, lines: Lines
    ) -> None:
        """Takes objects that are lines. plans: of all."""
        if not len(places):
            return
        plan_of = plans[places]
        settle(buffer, scan, places)
        found = gathered(
            buffer,
            places,
            plan_of,
            (scan.starts, scan.begins, scan.ends),
            self.plans.arrays(),
            is_utc=self._clock is UTC,
            known=self._severities.table,
        )
        self._look_up(buffer.array, found, plan_of)
        arounds = spans.arounds[places]
        rows = Rows(
            self.plans.arrays().layouts[plan_of],
            np.where(np.isnan(found.times), spans.times[places], found.times),
            self.severities(found.severities, arounds),
            found.text_begins,
            found.text_ends,
            np.zeros(len(places), np.bool_),
            found.starts,
            found.begins,
            found.ends,
        )
        lines.take(spans.lines[places], rows)

    def _look_up(self, buffer: NDArray[np.uint8], found: Gathered, plan_of: Places) -> None:
        """Times and severities of rows whose are not known yet; severities are remembered."""
        new: dict[int, int] = {}
        for row in np.flatnonzero(found.unsure).tolist():
            plan, first = int(plan_of[row]), int(found.starts[row])
            for entry in self.plans.times[plan]:
                text = buffer[found.begins[first + entry] : found.ends[first + entry]].tobytes().decode()
                if (seconds := parse_time(text, self._clock)) is not None:
                    found.times[row] = seconds
                    break
            else:
                found.times[row] = np.nan
            found.severities[row] = 0
            for level, entry in self.plans.levels[plan]:
                begin, end = int(found.begins[first + entry]), int(found.ends[first + entry])
                severity = level[buffer[begin:end].tobytes().decode()]
                new[int(level_key(buffer, begin, end, self.plans.level_number(level), KEY))] = severity
                if severity:
                    found.severities[row] = severity
                    break
        if new:
            self._severities.add(new.keys(), new.values())

    def adds_columns(self, arounds: Places) -> NDArray[np.bool_]:
        """Whether envelopes add columns, beside those that say where a line came from, (lines,)."""
        return self._said[arounds, 1] > 0

    def severities(self, stated: NDArray[np.uint8], arounds: Places) -> NDArray[np.uint8]:
        """Severities of lines: what they state, else what their envelopes do. arounds: numbers of these."""
        found = np.where(stated == 0, self._said[arounds, 0], stated)
        return np.where(found == 0, np.uint8(INFO), found)


def _value(data: NDArray[np.uint8], scan: Scan, leaf: int) -> Any:
    """A leaf."""
    text = data[scan.begins[leaf] : scan.ends[leaf]].tobytes()
    return orjson.loads(b'"%b"' % text if scan.kinds[leaf] <= ESCAPED else text)


def _is_headline(text: str) -> bool:
    """Whether all of a text is its first line, without blanks around it."""
    return 0 < len(text) <= LONGEST_HEADLINE and "\n" not in text and text == text.strip()
