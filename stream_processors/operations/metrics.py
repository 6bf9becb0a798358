"""All metrics of a worker, in a registry of its own: several workers fit in one process.

What happens is told once a step. What objects count or know by themselves (the encoders, the store's client, the
partitions, the sinks) is looked up when somebody reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric

if TYPE_CHECKING:
    from connectors.findings import Changes
    from connectors.redis.traffic import Traffic
    from encoder_core import Encoder

STAGES = ("fetch", "read", "match", "embed", "detect", "apply", "commit")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds."""
OTHERS = "-others"
"""Label of the sources that a topic has beyond those that have labels of their own. No name begins with a dash."""


class PartitionState(NamedTuple):
    """An assigned partition, as it stands."""

    topic: str
    partition: int
    open: bool
    """Whether its memory is at hand."""
    applied: int | None
    """Applied offset; None when there is none, or none is known."""
    lag: int | None
    """Messages behind; None when that is not known."""
    newest: float
    """Kafka's time of the newest message that was applied, seconds since the epoch; 0 when it isn't known."""
    stalled: float
    """Seconds since it moved, while it is behind."""


class SinkState(Protocol):
    """What a dispatcher has sent to its sink."""

    name: str
    sent: int
    refused: int
    failures: int

    @property
    def positions(self) -> Mapping[str, int]:
        """Topic to when the latest alert that the sink has had was told, in milliseconds."""

    @property
    def waiting_seconds(self) -> float:
        """How long it has been trying the same alert."""


class Metrics:
    """Everything that ``/metrics`` says. A method is called where something happens; nothing here raises or blocks.

    most_sources: how many sources of a topic have labels of their own; the others are counted together, so that names
    that never come again make no series without end. Attributes that are left empty have no series.
    """

    def __init__(self, *, version: str = "", model: str = "", most_sources: int = 50) -> None:
        self._most_sources = most_sources
        self._named: dict[str, set[str]] = {}
        self._before: dict[tuple[Counter, tuple[str, ...]], float] = {}
        self.encoders: Mapping[str, Encoder] = {}
        self.traffic: Traffic | None = None
        self.partitions: Callable[[], Iterable[PartitionState]] = tuple
        self.sinks: Iterable[SinkState] = ()

        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        source, topic, place = ("topic", "source"), ("topic",), ("topic", "partition")
        counter, gauge = self._counter, self._gauge
        self._lines = counter("lines", "Lines that took effect in the store", source)
        self._flagged = counter("flagged_lines", "Lines that were flagged as unusual", source)
        self._alerts = counter("alerts", "Flagged lines, those of a pattern in a step counted once", source)
        self._parse_errors = counter(
            "parse_errors", "Lines taken as raw text, as they could not be parsed", source
        )
        self._cut = counter("cut_lines", "Lines that are longer than the encoder reads", source)
        self._templates = counter("new_templates", "Templates that were new to an open partition", source)
        self._patterns = counter("new_patterns", "Patterns that such a template began", source)
        self._merged = counter("merged_patterns", "Patterns that became part of another one", source)
        self._dead_letters = counter("dead_letters", "Lines that went to the dead-letter topic", topic)
        self._expired = counter(
            "expired_lines", "Messages that retention removed before they were read", topic
        )
        self._fences = counter(
            "fences", "Steps that the store refused, for another worker has the partition", topic
        )
        self._troubles = counter(
            "partition_failures", "Failures after which a partition was tried again", topic
        )
        self._rebalances = counter("rebalances", "Times that the consumer group was shared out anew")
        self._seconds = Histogram(
            "secencoder_stage_seconds",
            "Seconds of a stage of a step; of a batch for fetch and commit",
            ("stage",),
            registry=self._registry,
            buckets=BUCKETS,
        )
        self._texts = counter("encoder_texts", "Texts that the encoder was asked for", ("encoder",))
        self._computed = counter("encoder_computations", "Texts whose vector it computed", ("encoder",))
        self._hits = counter("encoder_hits", "Texts whose vector it had at hand", ("encoder",))
        self._tokens = counter("encoder_tokens", "Tokens that it computed, padding left out", ("encoder",))
        self._padding = counter(
            "encoder_padding_tokens", "Padding that it computed for nothing", ("encoder",)
        )
        self._cache = gauge("encoder_cache_bytes", "Memory of the vectors that it has at hand", ("encoder",))
        self._trips = counter(
            "store_round_trips", "Requests that the store answered, those sent together counted once"
        )
        self._sent = counter("store_sent_bytes", "Bytes that went to the store")
        self._received = counter("store_received_bytes", "Bytes that came from the store")
        self._errors = counter("store_errors", "Calls of the store that failed")
        self._assigned = gauge("assigned_partitions", "Partitions that the group has given to the worker")
        self._open = gauge(
            "open_partitions", "Partitions among them that are open: what they remember is at hand"
        )
        self._applied = gauge("applied_offset", "Offset after the last applied message", place)
        self._lag = gauge("lag_messages", "Messages that have not taken effect yet", place)
        self._newest = gauge(
            "applied_timestamp_seconds", "Kafka's time of the newest message that took effect", place
        )
        self._stalled = gauge(
            "stalled_seconds", "Seconds for which a partition has been behind without a move", place
        )
        self._sink_sent = counter("sink_sent_alerts", "Alerts that a sink took", ("sink",))
        self._sink_refused = counter(
            "sink_refused_alerts", "Alerts left out, as the sink will never take them", ("sink",)
        )
        self._sink_failures = counter(
            "sink_failures", "Times that the sink took nothing, and the alert waits", ("sink",)
        )
        self._sink_waiting = gauge(
            "sink_waiting_seconds", "Seconds for which it has been tried with one alert", ("sink",)
        )
        self._position = gauge(
            "outbox_position_timestamp_seconds",
            "When the latest alert that the sink has had was told",
            ("sink", "topic"),
        )
        build = gauge("build_info", "Always 1; the labels say what runs", ("version", "model"))
        build.labels(version, model).set(1)
        for stage in STAGES:
            self._seconds.labels(stage)

    def _counter(self, name: str, about: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"secencoder_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"secencoder_{name}", about, labels, registry=self._registry)

    def stage(self, name: str, seconds: float) -> None:
        """One of ``STAGES`` took so long."""
        self._seconds.labels(name).observe(seconds)

    def applied(self, changes: Changes) -> None:
        """The store has taken a step."""
        topic = changes.source
        for name, part in (("", changes), *changes.parts.items()):
            at = topic, self._source(topic, name)
            self._lines.labels(*at).inc(part.lines)
            self._flagged.labels(*at).inc(len(part.anomalies))
            self._alerts.labels(*at).inc(sum(alert.count > 0 for alert in part.alerts))
            self._parse_errors.labels(*at).inc(part.parse_errors)
            self._cut.labels(*at).inc(part.cut)
            new = [template for template in part.templates if template.text]
            self._templates.labels(*at).inc(len(new))
            self._patterns.labels(*at).inc(sum(template.id == template.pattern for template in new))
            self._merged.labels(*at).inc(len(part.merges))
        self._dead_letters.labels(topic).inc(changes.dead_letters)
        self._expired.labels(topic).inc(changes.expired)

    def fenced(self, topic: str) -> None:
        """The store refused a step of a worker that another one has replaced."""
        self._fences.labels(topic).inc()

    def failed(self, topic: str) -> None:
        """A partition could not go on."""
        self._troubles.labels(topic).inc()

    def assigned(self, topics: Iterable[str]) -> None:
        """The group was shared out; of these topics are the worker's partitions. What did not happen yet is 0."""
        self._rebalances.inc()
        for topic in topics:
            for counter in (self._dead_letters, self._expired, self._fences, self._troubles):
                counter.labels(topic)
            self._lines.labels(topic, "")
            self._parse_errors.labels(topic, "")

    def _source(self, topic: str, name: str) -> str:
        named = self._named.setdefault(topic, set())
        if not name or name in named:
            return name
        if len(named) >= self._most_sources:
            return OTHERS
        named.add(name)
        return name

    async def scrape(self) -> bytes:
        """All of it in Prometheus' text format. Between two metrics others have their turn."""
        self._look()
        parts = []
        for metric in self._registry.collect():
            parts.append(generate_latest(cast(CollectorRegistry, _One(metric))))
            await asyncio.sleep(0)
        return b"".join(parts)

    def _look(self) -> None:
        """Takes up what others know."""
        for name, encoder in self.encoders.items():
            stats = encoder.stats
            self._reach(self._texts, stats.lines, name)
            self._reach(self._computed, stats.computed, name)
            self._reach(self._hits, stats.lines - stats.computed, name)
            self._reach(self._tokens, stats.tokens, name)
            self._reach(self._padding, stats.padding, name)
            self._cache.labels(name).set(encoder.cache.bytes)
        if (traffic := self.traffic) is not None:
            self._reach(self._trips, traffic.round_trips)
            self._reach(self._sent, traffic.sent)
            self._reach(self._received, traffic.received)
            self._reach(self._errors, traffic.errors)
        self._position.clear()  # of topics that are another worker's now
        for sink in self.sinks:
            self._reach(self._sink_sent, sink.sent, sink.name)
            self._reach(self._sink_refused, sink.refused, sink.name)
            self._reach(self._sink_failures, sink.failures, sink.name)
            self._sink_waiting.labels(sink.name).set(sink.waiting_seconds)
            for topic, position in sink.positions.items():
                if position:
                    self._position.labels(sink.name, topic).set(position / 1_000)
        self._look_at_partitions()

    def _look_at_partitions(self) -> None:
        for by_partition in (self._applied, self._lag, self._newest, self._stalled):
            by_partition.clear()  # those that are no longer ours
        states = list(self.partitions())
        for state in states:
            place = state.topic, str(state.partition)
            self._stalled.labels(*place).set(state.stalled)
            for gauge, value in ((self._applied, state.applied), (self._lag, state.lag)):
                if value is not None:
                    gauge.labels(*place).set(value)
            if state.newest:
                self._newest.labels(*place).set(state.newest)
        self._assigned.set(len(states))
        self._open.set(sum(state.open for state in states))

    def _reach(self, counter: Counter, value: float, *labels: str) -> None:
        """Counts up to what somebody else has counted."""
        before = self._before.get((counter, labels), 0)
        (counter.labels(*labels) if labels else counter).inc(max(0, value - before))
        self._before[counter, labels] = max(before, value)


class _One:
    """A registry of one metric, without the times at which its series began: they double their number."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]

    def collect(self) -> Iterator[Any]:
        yield self._metric
