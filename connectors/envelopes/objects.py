"""Many objects at once: those that are lines become rows, and of those in an envelope the text is taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from connectors.envelopes.collecting import Lines, Places, Spans
from connectors.envelopes.compiled import unescaped
from connectors.envelopes.gathering import Gathered, gathered, level_key, not_utf8, odd_reals
from connectors.envelopes.known import Around
from connectors.envelopes.learned import Holder, Learned
from connectors.envelopes.otlp_batch import HeldRecords, record_seconds
from connectors.envelopes.planned import PlanBook
from connectors.envelopes.planning import Columns, Undone
from connectors.envelopes.stated import stated_times
from connectors.envelopes.unread import within
from connectors.formats.clock import UTC, Clock
from connectors.formats.json_bytes import ESCAPED, KEY, REAL
from connectors.formats.json_scan import Scan, scanned
from connectors.formats.numbers import Numbers
from connectors.formats.rows import Rows
from connectors.formats.times import parse_time
from connectors.records import INFO

LONGEST_LINE = 16_000
"""Bytes of text that an envelope holds, escapes included: a runtime cuts longer lines in pieces."""
MOST_SEVERITIES = 16_384
"""Values that state a severity, or none, that are remembered."""


class Objects:
    """What one reader knows of objects. candidates: the envelopes that one may have; clock: of times without a zone."""

    def __init__(self, candidates: Callable[[dict[str, Any]], Sequence[Any]], clock: Clock) -> None:
        self._clock = clock
        self.plans = PlanBook()
        self.arounds: list[Around] = []
        """What envelopes said together, by number."""
        self._numbers: dict[tuple[int, int], int] = {}
        self._alone = Learned(candidates)
        self._held = Learned(lambda _: (HeldRecords,))
        self._severities = Numbers()

    def forget(self) -> None:
        """Begins anew where there is too much."""
        if self.plans.is_full or self._alone.is_full or self._held.is_full:
            self.plans.clear()
            self._alone.clear()
            self._held.clear()
            self.arounds.clear()
            self._numbers.clear()
            self._severities.clear()
        if len(self._severities) > MOST_SEVERITIES:
            self._severities.clear()

    def undo(self, spans: Spans, lines: Lines, holders: Sequence[Holder] | None = None) -> list[Spans]:
        """Takes the objects that are lines; gives what envelopes held as text.

        holders: of objects that are several in a message.
        """
        learned = self._alone if holders is None else self._held
        scan = scanned(spans.data, spans.begins, spans.ends)
        wide = np.flatnonzero(scan.wide)
        if len(wide):
            scan.shapes[wide[not_utf8(spans.data, spans.begins[wide], spans.ends[wide])]] = 0
        shapes = learned.shape_numbers(scan, spans.bytes_of)
        is_line, plans = self._plans_of(shapes, spans.arounds, learned)
        self._gather(spans, scan, np.flatnonzero(is_line), plans, lines)
        inside = np.flatnonzero((shapes >= 0) & ~is_line)
        if not len(inside):
            return []
        inside = inside[np.array([shape.envelope is not None for shape in learned.shapes])[shapes[inside]]]
        contexts = learned.context_numbers(spans.data, scan, inside, shapes[inside], holders, spans.bytes_of)
        return self._inside(spans, scan, inside[contexts >= 0], contexts[contexts >= 0], learned, lines)

    def _plans_of(
        self, shapes: Places, arounds: Places, learned: Learned
    ) -> tuple[NDArray[np.bool_], Places]:
        """Which objects are lines by themselves, and the plan of each of those."""
        pairs, of = np.unique((shapes << 32) | (arounds + 1), return_inverse=True)
        plans = np.full(len(pairs), -1, np.int64)
        for place, pair in enumerate(pairs.tolist()):
            if pair >= 0 and (columns := learned.shapes[pair >> 32].columns) is not None:
                plans[place] = self._plan(columns, (pair & 0xFFFFFFFF) - 1)
        found = plans[of.reshape(-1)]
        return found >= 0, found

    def _plan(self, columns: Columns, around: int) -> int:
        return self.plans.number(columns, self.arounds[around].inner if around >= 0 else None)

    def _inside(
        self, spans: Spans, scan: Scan, rows: Places, contexts: Places, learned: Learned, lines: Lines
    ) -> list[Spans]:
        """Undoes the envelopes of objects."""
        pairs, of = np.unique((contexts << 32) | (spans.arounds[rows] + 1), return_inverse=True)
        of = of.reshape(-1)
        about = np.full(
            (len(pairs), 6), -1, np.int64
        )  # time, line, headline, plan, around; whether ends are stripped
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
        times[stamped] = stated_times(
            spans.data, leaves, scan.begins, scan.ends, scan.kinds, nanoseconds[of[stamped]]
        )
        for place in stamped[np.isnan(times[stamped])].tolist():
            context, leaf = undone[of[place]], int(scan.starts[rows[place]] + stamp[place])
            assert context is not None
            value = orjson.loads(_json(spans.data, scan, leaf))
            seconds = context.passing.seconds(value)
            good[place] = seconds is not None
            times[place] = np.nan if seconds is None else seconds
        for place in np.flatnonzero(good & (headline >= 0)).tolist():
            leaf = int(scan.starts[rows[place]] + headline[place])
            good[place] = _is_headline(orjson.loads(_json(spans.data, scan, leaf)))
        now = Spans(spans.data, spans.begins[rows], spans.ends[rows], spans.lines[rows], around, times)
        whole = np.flatnonzero(good & (plan >= 0))
        self._gather(now, scan, whole, plan, lines, rows)
        texts = np.flatnonzero(good & (line >= 0))
        leaves = scan.starts[rows[texts]] + line[texts]
        short = scan.ends[leaves] - scan.begins[leaves] <= LONGEST_LINE
        texts, leaves = texts[short], leaves[short]
        if not len(texts):
            return []
        data, ends = unescaped(spans.data, scan, leaves, strips[texts] > 0)
        begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        return [Spans(data, begins, ends, now.lines[texts], around[texts], times[texts])]

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
        return number

    def _gather(
        self,
        spans: Spans,
        scan: Scan,
        places: Places,
        plans: Places,
        lines: Lines,
        rows: Places | None = None,
    ) -> None:
        """Takes objects that are lines. plans: of each of the spans; rows: of the scan, where they are not all."""
        if not len(places):
            return
        own = places if rows is None else rows[places]
        plan_of = plans[places]
        begins, ends = scan.begins.copy(), scan.ends.copy()
        is_own = np.zeros(len(scan.shapes), np.bool_)
        is_own[own] = True
        of_own = np.repeat(is_own, np.diff(scan.starts))
        escaped = np.flatnonzero(of_own & (scan.kinds == ESCAPED))
        tail, tail_ends = unescaped(spans.data, scan, escaped, np.zeros(len(escaped), np.bool_))
        ends[escaped] = tail_ends + len(spans.data)
        begins[escaped[:1]] = len(spans.data)
        begins[escaped[1:]] = ends[escaped[:-1]]
        reals = np.flatnonzero(of_own & (scan.kinds == REAL))
        odd = reals[odd_reals(spans.data, begins[reals], ends[reals])]
        spelled = [str(float(spans.data[begins[at] : ends[at]].tobytes())).encode() for at in odd.tolist()]
        data = np.concatenate([spans.data, tail, np.frombuffer(b"".join(spelled), np.uint8)])
        at = len(spans.data) + len(tail)
        for leaf, text in zip(odd.tolist(), spelled, strict=True):
            begins[leaf], ends[leaf] = at, at + len(text)
            at += len(text)
        found = gathered(
            data,
            own,
            plan_of,
            (scan.starts, begins, ends),
            self.plans.arrays(),
            is_utc=self._clock is UTC,
            known=self._severities.table,
        )
        buffer = np.concatenate([data, found.tail])
        self._look_up(buffer, found, plan_of)
        arounds = spans.arounds[places]
        rows_ = Rows(
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
        lines.take(spans.lines[places], rows_, buffer)

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

    def severities(self, stated: NDArray[np.uint8], arounds: Places) -> NDArray[np.uint8]:
        """Severities of lines: what they state, else what their envelopes do. arounds: numbers of these."""
        of_arounds = np.array([around.inner.severity for around in self.arounds] + [0], np.uint8)
        found = np.where(stated == 0, of_arounds[arounds], stated)
        return np.where(found == 0, np.uint8(INFO), found)


def _json(data: NDArray[np.uint8], scan: Scan, leaf: int) -> bytes:
    """A leaf as JSON."""
    text = data[scan.begins[leaf] : scan.ends[leaf]].tobytes()
    return b'"%b"' % text if scan.kinds[leaf] <= ESCAPED else text


def _is_headline(text: str) -> bool:
    """Whether all of a text is its first line, without blanks around it."""
    return 0 < len(text) <= 4_096 and "\n" not in text and text == text.strip()
