"""Templates, patterns and merges as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.findings import Merge, Pattern, SlotSummary, Template
from connectors.patterns import HOURS
from stream_processors.answers.quoting import told_slot
from stream_processors.cli.report import clock, show_table

BARS = "▁▂▃▄▅▆▇█"
Minutes = Sequence[tuple[int, int]]
"""(minutes since the epoch, lines)."""


def show_templates(templates: Sequence[Template], total: int) -> None:
    """Templates with counts, out of ``total``, and what was found in their slots."""
    end = last_hour([template.minutes for template in templates])
    rows = [
        (
            *(t.id, t.pattern, f"{t.count:,}", bars(t.minutes, end)),
            *(clock(t.first_seen), clock(t.last_seen), with_slots(t.text or t.id, t.parameters)),
        )
        for t in templates
    ]
    columns = ["id", "pattern", "lines", f"last {HOURS} hours", "first seen", "last seen", "template"]
    show_table(f"Templates ({len(templates)} of {total})", columns, rows)


def show_patterns(patterns: Sequence[Pattern], total: int) -> None:
    """Patterns with counts, out of ``total``, and what was found in their slots."""
    end = last_hour([pattern.minutes for pattern in patterns])
    rows = [
        (
            *(p.id, p.templates, f"{p.count:,}", bars(p.minutes, end)),
            *(clock(p.first_seen), clock(p.last_seen), with_slots(p.template or p.example, p.parameters)),
        )
        for p in patterns
    ]
    columns = ["id", "templates", "lines", f"last {HOURS} hours", "first seen", "last seen", "pattern"]
    show_table(f"Patterns ({len(patterns)} of {total})", columns, rows)


def show_merges(merges: Sequence[Merge], total: int) -> None:
    """How patterns became one, out of ``total``."""
    rows = [(clock(merge.time), merge.pattern, merge.into, merge.reason) for merge in merges]
    show_table(f"Merges ({len(merges)} of {total})", ["time (UTC)", "pattern", "into", "reason"], rows)


def last_hour(all_minutes: Sequence[Minutes]) -> int:
    """The latest hour with lines, since the epoch."""
    return max((minutes[-1][0] // 60 for minutes in all_minutes if minutes), default=0)


def bars(minutes: Minutes, end: int) -> str:
    """Lines an hour of the day that ends with the hour ``end``, one character each, blank for none."""
    counts = [0] * HOURS
    for minute, count in minutes:
        place = minute // 60 - end + HOURS - 1
        if 0 <= place < HOURS:
            counts[place] += count
    most = max(counts)
    return "".join(BARS[(count * len(BARS) - 1) // most] if count else " " for count in counts)


def with_slots(text: str, slots: Sequence[SlotSummary]) -> str:
    """A template's text, and after it examples of what stood in its slots, with the range of numbers."""
    told = [told_slot(slot) for slot in slots]
    return f"{text}  [{'; '.join(told)}]" if told else text
