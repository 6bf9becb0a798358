"""What is streamed: a million generated lines, as they are or in shippers' messages."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import accumulate, chain, islice

from stream_processors.demo.scenario import START, scenario
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.envelopes import wrap
from stream_processors.demo.scenario.linux import SSHD
from stream_processors.demo.scenario.moment import Moment

CONTENTS = ("mix", "syslog", "filebeat", "fluentbit")
"""The generated mix of eight sources, most of it JSON; sshd's lines alone; the mix in shippers' messages."""
CHUNK_LINES = 25_000
"""Lines of one seed."""
RATE = 10_000.0
"""Lines a second of the stream's own time, that of its messages."""


def messages(content: str, lines: int) -> list[bytes]:
    """Values of ``lines`` messages of one line each. The same arguments give the same values."""
    with ProcessPoolExecutor() as pool:
        chunks = pool.map(partial(_chunk, content), range(-(-lines // CHUNK_LINES)))
        return list(islice(chain.from_iterable(chunks), lines))


def _chunk(content: str, seed: int) -> list[bytes]:
    start = START + seed * CHUNK_LINES / RATE
    if content == "syslog":
        return list(_syslog(seed, start))
    lines = scenario(lines=CHUNK_LINES, seed=seed, rate=RATE, start=start)
    if content == "mix":
        return [line.line.encode() for line in lines]
    return [message.value for message in wrap(lines, content, seed)]


def _syslog(seed: int, start: float) -> Iterator[bytes]:
    draw, weights = Draw(seed), list(accumulate(template.weight for template in SSHD.templates))
    for at in range(CHUNK_LINES):
        template = SSHD.templates[bisect(weights, draw.unit() * weights[-1], 0, len(weights) - 1)]
        yield template.write(draw, Moment(round((start + at / RATE) * 1e6))).encode()
