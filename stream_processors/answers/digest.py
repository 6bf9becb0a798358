"""What is to be told of a source and a period: alerts, what is new, bursting, gone and normal, and lines to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.alerts import Alert, Verdict
from connectors.findings import SourceStats
from connectors.patterns import patterns_of
from connectors.store import Store
from stream_processors.answers.queries import of_one_model, readable
from stream_processors.answers.trends import Trend, Trends, trends
from stream_processors.detection.merging import Sample, merge

PERIOD = 3_600
"""Seconds of the period that is told when none is asked for: those that end with the latest line."""
MOST_ALERTS = 1_000
MOST_WINDOWS = 120
"""Windows whose lines are merged; of more, as many that are evenly apart."""
MOST_READABLE = 64
"""Patterns of each group whose templates are lined up."""


@dataclass(frozen=True, slots=True)
class Digest:
    """All that a digest may tell; a text tells as much of it as has room."""

    stats: SourceStats
    patterns: int
    """Of the source in all."""
    latest: float
    """When the latest line came, seconds since the epoch; 0 where none did."""
    trends: Trends
    alerts: tuple[Alert, ...]
    """Those with a line in the period: marked malicious first, benign last, of each the highest score first."""
    verdicts: Mapping[str, Verdict]
    """Those that hold, by pattern."""
    sample: Sample | None
    """The most diverse lines of the period's windows; None without any."""
    pattern_of: Mapping[str, str]
    """Pattern of each sampled line's template."""
    texts: Mapping[str, str]
    """What the templates of a pattern have in common, by pattern."""


def digest(store: Store, source: str, *, since: float | None, now: float, k: int, seconds: int) -> Digest:
    """What there is to tell of a source.

    since: where the period begins, seconds since the epoch; it ends now. None for the last hour that has lines.
    k: lines to read. seconds: length of the windows.
    """
    templates = store.templates(source)
    found = patterns_of(templates)
    if since is None:
        now = 60.0 * max((pattern.minutes[-1][0] for pattern in found if pattern.minutes), default=now // 60)
        since = now - PERIOD + 60
    period = trends(found, since, now)
    verdicts = {name: one for name, one in store.feedback(source).verdicts.items() if one.holds(now)}
    alerts = store.alerts(source, since=period.begin * 60, limit=MOST_ALERTS)
    order = {"malicious": 0, "benign": 2}

    def rank(alert: Alert) -> tuple[int, float, str]:
        verdict = verdicts.get(alert.pattern)
        return order[verdict.mark] if verdict else 1, -alert.best.score, alert.id

    groups = (period.new, period.bursting, period.gone, period.normal)
    told = [trend.pattern for group in groups for trend in group[:MOST_READABLE]]
    sample = _sample(store, source, period, k, seconds)
    return Digest(
        stats=store.stats(source),
        patterns=len(found),
        latest=max((pattern.last_seen for pattern in found), default=0.0),
        trends=period,
        alerts=tuple(sorted(alerts, key=rank)),
        verdicts=verdicts,
        sample=sample,
        pattern_of={template.id: template.pattern for template in templates},
        texts={pattern.id: pattern.template for pattern in readable(told, templates)},
    )


def _sample(store: Store, source: str, period: Trends, k: int, seconds: int) -> Sample | None:
    starts = [at for at in store.windows(source) if period.begin * 60 - seconds < at < period.end * 60]
    step = -(-len(starts) // MOST_WINDOWS) or 1
    parts = [part for start in starts[::step] for part in store.window(source, start)]
    parts = of_one_model(parts, store.stats(source).model)
    return merge(parts, k) if parts else None


def text_of(digest: Digest, trend: Trend) -> str:
    """A pattern as it is read."""
    return digest.texts.get(trend.pattern.id) or trend.pattern.template or trend.pattern.example
