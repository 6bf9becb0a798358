"""The scenario's lines in the messages that shippers would make of them.

What surrounds a line changes as in a real cluster: pods, image tags, containers and agents with every rollout, file
offsets and trace ids with every line. The standard library writes all but three (``otlp_proto``, ``msgpack`` and
``zstd``), whose packages are imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from stream_processors.demo.scenario import LabelledLine
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.envelopes import agents, hosts, many
from stream_processors.demo.scenario.envelopes.fleet import Fleet, Place
from stream_processors.demo.scenario.template import compact_json

__all__ = ["ENVELOPES", "Message", "wrap"]

LEAST, MOST = 10, 60
"""Lines of a message that holds several."""

One = Callable[[LabelledLine, Place, Draw], "dict[str, Any] | str | bytes"]
Many = Callable[[Sequence[tuple[LabelledLine, Place]], Draw], bytes]


@dataclass(frozen=True, slots=True)
class Message:
    """A Kafka message and the lines in it, in the order in which it holds them."""

    value: bytes
    lines: tuple[LabelledLine, ...]


_ONE: dict[str, One] = {
    writer.__name__: writer
    for writer in (
        *(agents.filebeat, agents.elastic_agent, agents.vector, agents.vector_kubernetes),
        *(agents.vector_syslog, hosts.vector_journald, agents.vector_native, agents.fluentbit),
        *(agents.fluentd, agents.logstash, agents.logstash_plain, many.otlp_raw, hosts.rsyslog_json),
        *(hosts.rsyslog_full, hosts.syslogng_json, hosts.gelf, hosts.nxlog, hosts.docker, hosts.cri),
        *(hosts.journald, hosts.ecs, hosts.logback, hosts.cribl, hosts.splunk_hec, many.connect),
        many.msgpack,
    )
}
_MANY: dict[str, Many] = {
    writer.__name__: writer
    for writer in (
        *(many.otlp_json, many.otlp_proto, many.cloudwatch, many.ndjson, many.json_array),
        many.zstd,
    )
}
_GROUPED = ("otlp_json", "otlp_proto")
ENVELOPES = (*_ONE, *_MANY)
"""Every envelope that ``wrap`` knows."""


def wrap(lines: Iterable[LabelledLine], envelope: str, seed: int = 7) -> Iterator[Message]:
    """Yields messages that hold all the lines; the same arguments give the same messages everywhere.

    Raises ValueError for an envelope that is not one of ``ENVELOPES``.
    """
    if envelope not in ENVELOPES:
        raise ValueError(f"no such envelope {envelope!r}; known are {', '.join(ENVELOPES)}")
    return _single(lines, _ONE[envelope], seed) if envelope in _ONE else _several(lines, envelope, seed)


def _single(lines: Iterable[LabelledLine], write: One, seed: int) -> Iterator[Message]:
    fleet, draw = Fleet(Draw(2 * seed)), Draw(2 * seed + 1)
    for line in lines:
        value = write(line, fleet.place(line), draw)
        text = compact_json(value) if isinstance(value, dict) else value
        yield Message(text if isinstance(text, bytes) else text.encode(), (line,))


def _several(lines: Iterable[LabelledLine], envelope: str, seed: int) -> Iterator[Message]:
    fleet, draw = Fleet(Draw(2 * seed)), Draw(2 * seed + 1)
    rest = iter(lines)
    while chunk := list(islice(rest, draw.between(LEAST, MOST))):
        placed = [(line, fleet.place(line)) for line in chunk]
        if envelope in _GROUPED:
            placed = [one for group in many.by_place(placed) for one in group]
        yield Message(_MANY[envelope](placed, draw), tuple(line for line, _ in placed))
