"""Trying again until it works, or the worker is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mode import Service

from connectors.waiting import backoff

log = logging.getLogger("secencoder.worker")

T = TypeVar("T")


class Retrying:
    """Awaits calls until they succeed, with exponential back-off; only a stop of ``service`` ends it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def call(self, call: Callable[[], Awaitable[T]], what: str, *errors: type[Exception]) -> T:
        """The answer of ``call()``; each failure that is one of ``errors`` is a line of the log that names ``what``."""
        for wait in backoff():
            try:
                return await call()
            except errors as error:
                if self._service.should_stop:
                    raise
                log.warning("%s: %s; next try in %.1f s", what, error or type(error).__name__, wait)
                await self._service.sleep(wait)
        raise AssertionError("backoff() has no end")
