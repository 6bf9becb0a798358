"""Why there is an alert: its reasons, what is odd in the line, the nearest template, the history of the pattern."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connectors.alerts import Alert, Verdict
from connectors.findings import Anomaly, Reason, SourceStats
from connectors.patterns import Template
from encoder_core.vectors import unit_rows

MARKS = "«", "»"
"""What stands before and after what is odd in a line."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The template of another pattern that is nearest in meaning."""

    id: str
    text: str
    cosine: float
    missing: tuple[str, ...]
    """Words that it has and the alert's template has not."""
    added: tuple[str, ...]
    """Words that the alert's template has and it has not."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of the alert's pattern."""

    lines: int
    first_seen: float
    last_seen: float
    templates: int
    source_lines: int
    """Lines of the source in all."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why there is an alert."""

    alert: Alert
    line: str
    """Its most unusual line, what is odd in it between ``MARKS``."""
    reasons: tuple[Reason, ...]
    share: float
    """Share of the recent lines of its partition that scored as high."""
    among: int
    """How many these lines were."""
    nearest: Nearest | None
    history: History | None
    verdict: Verdict | None
    model: str


def explain(
    alert: Alert, templates: Sequence[Template], stats: SourceStats, verdict: Verdict | None = None
) -> Explanation:
    """Why there is an alert. templates, stats: of its source."""
    best = alert.best
    own = [template for template in templates if template.pattern == best.pattern]
    history = None
    if own:
        first, last = min(t.first_seen for t in own), max(t.last_seen for t in own)
        history = History(sum(t.count for t in own), first, last, len(own), stats.lines)
    return Explanation(
        alert=alert,
        line=marked(best),
        reasons=best.reasons,
        share=best.share,
        among=best.among,
        nearest=nearest(own, templates),
        history=history,
        verdict=verdict,
        model=best.model,
    )


def nearest(own: Sequence[Template], templates: Sequence[Template]) -> Nearest | None:
    """Of other patterns' templates the one nearest to the most frequent of ``own``; None without vectors to compare."""
    mine = max((t for t in own if t.vector and t.text), key=lambda t: (t.count, t.id), default=None)
    if mine is None:
        return None
    others = [
        t
        for t in templates
        if t.pattern != mine.pattern
        and t.model == mine.model
        and len(t.vector) == len(mine.vector)
        and t.text
    ]
    if not others:
        return None
    vectors = unit_rows(np.stack([np.frombuffer(t.vector, dtype="<f2") for t in [mine, *others]]))
    cosines = vectors[1:] @ vectors[0]
    place = int(cosines.argmax())
    missing, added = differing(others[place].text, mine.text)
    return Nearest(others[place].id, others[place].text, float(cosines[place]), missing, added)


def differing(before: str, after: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words of one text that the other lacks, and the other way round, in their order."""
    one, other = before.split(), after.split()
    missing: list[str] = []
    added: list[str] = []
    for tag, start, end, begin, stop in difflib.SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if tag != "equal":
            missing += one[start:end]
            added += other[begin:stop]
    return tuple(missing), tuple(added)


def marked(line: Anomaly) -> str:
    """The line with what its reasons name between ``MARKS``: values, and words that are rare."""
    odd = {
        word
        for reason in line.reasons
        for name, value in reason.numbers.items()
        for word in (
            [value] if isinstance(value, str) else [name] * (reason.kind == "words" and name != "lines")
        )
        if word and word in line.text
    }
    if not odd:
        return line.text
    longest = sorted(odd, key=lambda word: (-len(word), word))
    either = re.compile("|".join(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])" for word in longest))
    return either.sub(lambda found: f"{MARKS[0]}{found[0]}{MARKS[1]}", line.text)


def sentences(explanation: Explanation) -> list[str]:
    """The explanation in plain words, the strongest reason first."""
    said = [f"{reason.kind} ({reason.score:.1f}): {reason.text}" for reason in explanation.reasons]
    if explanation.alert.why == "over":
        said.append("over: it comes again")
    if explanation.among:
        share = f"{100 * explanation.share:.2g} %"
        said.append(f"as high as {share} of the last {explanation.among:,} lines of its partition")
    if (near := explanation.nearest) is not None:
        words = []
        if near.added:
            words.append(f"here: {' '.join(near.added)}")
        if near.missing:
            words.append(f"there: {' '.join(near.missing)}")
        told = f"; {'; '.join(words)}" if words else ""
        said.append(f"nearest known template (cosine {near.cosine:.2f}): {near.text}{told}")
    if (history := explanation.history) is not None:
        said.append(
            f"its pattern has {history.lines:,} of the source's {history.source_lines:,} lines, "
            f"in {history.templates:,} template{'s' * (history.templates != 1)}"
        )
    if (verdict := explanation.verdict) is not None:
        said.append(f"marked as {verdict.mark}{f': {verdict.note}' if verdict.note else ''}")
    if explanation.model:
        said.append(f"model {explanation.model}")
    return said
