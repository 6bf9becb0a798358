"""Realistic mixed logs with one labelled attack planted in them: for the demo, the tests and the docs.

Eight log sources of one invented company, as their shippers would send them. The ground truth travels with
each line: the system, the kind of line (`template`) and, for the planted lines, the step of the attack. The
ordinary traffic contains rare kinds too, so "seen seldom" alone does not find the attack.

Uses the standard library only and imports nothing of ours outside this package.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import fsum

from stream_processors.demo.scenario.attack import Beat, Intrusion, story
from stream_processors.demo.scenario.cloudtrail import CLOUDTRAIL
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.java import JAVA
from stream_processors.demo.scenario.kubernetes import KUBERNETES
from stream_processors.demo.scenario.linux import AUDITD, SSHD
from stream_processors.demo.scenario.moment import Moment
from stream_processors.demo.scenario.network import DNS, NGINX
from stream_processors.demo.scenario.winlog import WINDOWS

__all__ = ["ATTACK_STEPS", "START", "SYSTEMS", "LabelledLine", "scenario"]

START = 1_741_680_000.0
"""2025-03-11 08:00 UTC, a Tuesday morning."""
ATTACK_STEPS = ("brute_force", "success", "new_service", "odd_api", "exfiltration")

_SOURCES = (SSHD, AUDITD, WINDOWS, CLOUDTRAIL, NGINX, KUBERNETES, DNS, JAVA)
SYSTEMS = tuple(source.name for source in _SOURCES)
_TEMPLATES = tuple((source.name, template) for source in _SOURCES for template in source.templates)

_LEAST_FOR_ATTACK = 500  # in fewer lines the story would be a large part of the stream, not a needle
_LEAST_FOR_FULL_STORY = 2_000
_LONGEST_STORY = 2_000  # lines from first to last step, so that in a long stream it still is one incident


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """A log line with its ground truth."""

    line: str
    """Exactly as a shipper would send it, without newline."""
    system: str
    """One of `SYSTEMS`."""
    template: str
    """Stable id of the kind of line, e.g. `sshd.failed_password`."""
    time: float
    """Seconds since the epoch; the line states it to its format's own precision (syslog: whole seconds)."""
    attack: str | None
    """One of `ATTACK_STEPS`, or None for an ordinary line."""


def scenario(
    *, lines: int, seed: int = 7, rate: float = 50.0, start: float = START, attack: bool = True
) -> Iterator[LabelledLine]:
    """Return a stream of `lines` log lines, `rate` per second of simulated time on average.

    The same arguments give the same lines on every machine and Python version, and memory does not depend
    on `lines`. The attack lies between 55 % and 90 % of the stream: 39 lines, 19 of them when the stream is
    shorter than 2,000 lines, none when it is shorter than 500. With `attack=False` the ordinary line that it
    replaced stands in each of those places, and every other line is the same.

    Raises ValueError when `lines` is negative or `rate` is not positive.
    """
    if lines < 0:
        raise ValueError(f"lines must be 0 or more, got {lines}")
    if not rate > 0:
        raise ValueError(f"rate must be above 0 lines per second, got {rate}")
    planted = attack and lines >= _LEAST_FOR_ATTACK
    return _stream(lines, seed, rate, start, planted)


def _stream(lines: int, seed: int, rate: float, start: float, planted: bool) -> Iterator[LabelledLine]:
    # Two sequences of draws, so that planting the attack leaves the ordinary lines as they are.
    ordinary, intruder = Draw(2 * seed), Draw(2 * seed + 1)
    intrusion = Intrusion.draw(intruder)
    plan = dict(_plan(lines, intruder)) if planted else {}
    micros = round(start * 1_000_000)
    for index in range(lines):
        micros += ordinary.gap(rate)
        now = Moment(micros)
        system, template = _TEMPLATES[_choice(ordinary, micros)]
        line = template.write(ordinary, now)
        beat = plan.get(index)
        if beat is None:
            yield LabelledLine(line, system, template.name, now.seconds, None)
        else:
            line = beat.write(intruder, now, intrusion)
            yield LabelledLine(line, beat.system, beat.template, now.seconds, beat.step)


def _plan(lines: int, draw: Draw) -> Iterator[tuple[int, Beat]]:
    """Yield where each line of the story goes: one in every stretch of equal width, ordinary ones between."""
    beats = tuple(story(short=lines < _LEAST_FOR_FULL_STORY))
    width = min(lines * 15 // 100, _LONGEST_STORY) // len(beats)
    first = lines * 55 // 100 + draw.below(lines * 20 // 100)
    for i, beat in enumerate(beats):
        yield first + i * width + draw.below(width), beat


def _choice(draw: Draw, micros: int) -> int:
    """Draw an index into `_TEMPLATES` from the mix of that time of day."""
    mix = _mix(micros // 900_000_000 % 96)
    return bisect(mix, draw.unit() * mix[-1], 0, len(mix) - 1)


@lru_cache(maxsize=96)
def _mix(quarter: int) -> tuple[float, ...]:
    """Return the cumulative weights of `_TEMPLATES` in one quarter of an hour of the day.

    What people cause swings with office hours, in a straight line from most at 15:00 to least at 03:00 (UTC).
    """
    distance = abs((quarter / 4 - 15 + 12) % 24 - 12)
    daytime = 1 - distance / 6
    weights = []
    for source in _SOURCES:
        # fsum, because sum() of floats rounds differently from Python 3.12 on
        scale = source.share * (1 + source.swing * daytime) / fsum(t.weight for t in source.templates)
        weights += [scale * template.weight for template in source.templates]
    return tuple(accumulate(weights))
