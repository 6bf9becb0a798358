"""A log that stays readable in an outage: one record per cause and minute, with the number of those held back."""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

LIMITED = {
    "aiokafka": logging.INFO,
    "kafka": logging.INFO,
    "opentelemetry": logging.WARNING,
    "secencoder": logging.WARNING,
}
"""Logger to the least severe level that is limited, its children included. What our own loggers say at INFO is told
once anyway, and each one matters."""
SECONDS = 60.0
CAUSES = 1_000
"""Causes remembered; the one not seen for longest goes first."""
CAUSE_CHARACTERS = 300
VOLATILE = re.compile(
    r"""0x[0-9a-f]+                                         # an address in memory
      | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b     # a UUID, as in a member's id
      | \b[0-9a-f]{12,}\b                                   # a long id without dashes
      | \[[0-9a-f:]+\]                                      # an IPv6 address
      | \d+(?:[.,:]\d+)*                                    # numbers, versions, IPv4 addresses, ports, clocks
    """,
    re.VERBOSE | re.IGNORECASE,
)
PARTITION = re.compile(r"[\w.-]+/\d+(?=[:@; ])")
"""At the beginning of our own records: which partition it is stays part of the cause."""


@dataclass(slots=True)
class _Told:
    """When a cause was last let through, and how often it came since."""

    at: float
    held: int = 0


class RepeatFilter(logging.Filter):
    """Lets one record per cause and ``seconds`` through; the next one after that says how many were held back.

    A cause is logger, level, and message with what varies in it blanked, the exception's included. DEBUG is never
    limited. Safe to use from many threads and in many handlers: a record is judged once.
    """

    def __init__(
        self,
        *,
        seconds: float = SECONDS,
        causes: int = CAUSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._seconds, self._causes, self._clock = seconds, causes, clock
        self._told: OrderedDict[tuple[str, int, str], _Told] = OrderedDict()
        self._lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        if not limited(record):
            return True
        with self._lock:
            judged = getattr(record, "let_through", None)
            if judged is None:
                judged = record.let_through = self._let_through(record)
        return judged

    def _let_through(self, record: logging.LogRecord) -> bool:
        try:
            cause = (record.name, record.levelno, cause_of(record))
        except Exception:  # its arguments do not fit its message: the handler's formatter says so
            return True
        now = self._clock()
        told = self._told.pop(cause, None)
        if told is not None and now - told.at < self._seconds:
            told.held += 1
            self._told[cause] = told
            return False
        if told is not None and told.held:
            record.msg = f"{record.getMessage()} ({told.held:,} more like this in {now - told.at:.0f} s)"
            record.args = ()
        self._told[cause] = _Told(now)
        if len(self._told) > self._causes:
            self._told.popitem(last=False)
        return True


def limited(record: logging.LogRecord) -> bool:
    """Whether a record is of a logger and level that repeats are held back of."""
    least = LIMITED.get(record.name.partition(".")[0])
    return least is not None and record.levelno >= least


def cause_of(record: logging.LogRecord) -> str:
    """What a record says, without what varies from one time to the next."""
    text = record.getMessage()
    named = PARTITION.match(text)
    place = named.group() if named else ""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    raised = f" {type(error).__name__}: {error}" if error is not None else ""
    return place + VOLATILE.sub("#", f"{text[len(place) :]}{raised}"[:CAUSE_CHARACTERS])


def limit_repeats(
    handlers: Iterable[logging.Handler] | None = None, repeats: RepeatFilter | None = None
) -> RepeatFilter:
    """Puts one filter before the handlers, by default the root logger's; once they have it, nothing more happens.

    Handlers, since a logger's filter does not see what its children log.
    """
    handlers = list(logging.getLogger().handlers if handlers is None else handlers)
    already = [known for handler in handlers for known in handler.filters if isinstance(known, RepeatFilter)]
    repeats = already[0] if already and repeats is None else repeats or RepeatFilter()
    for handler in handlers:
        handler.addFilter(repeats)
    return repeats
