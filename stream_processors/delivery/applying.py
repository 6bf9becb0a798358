"""Step 3 of a batch: its changes and its applied offset into the store, in one atomic step."""

from __future__ import annotations

import asyncio

import redis

from connectors.decisions import Applied
from connectors.findings import Changes
from connectors.store import Fenced, Store
from stream_processors.delivery.retrying import Retrying

UNREACHABLE = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.BusyLoadingError,
    redis.ReadOnlyError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.TryAgainError,
)
"""Answers, or none, of a store that takes no writes from anyone now: the batch waits where it is."""


class Applier:
    """Applies changes to the store, however long it takes to answer."""

    def __init__(self, store: Store, retrying: Retrying) -> None:
        self._store, self._retrying = store, retrying

    async def apply(self, changes: Changes) -> Applied | None:
        """Tried until the store answers. Raises Fenced, StoreRefused and what else the store has against the step.

        Returns what it decided. A connection that broke after the step was done shows as a fence at our own end offset:
        done as well, and None; the next step is told what was decided.
        """
        tried_before = False

        def step() -> Applied | None:
            nonlocal tried_before
            try:
                return self._store.apply(changes)
            except Fenced as fenced:
                if not (tried_before and fenced.found == changes.end):
                    raise
                return None
            finally:
                tried_before = True

        name = f"{changes.source}/{changes.partition}: the store"
        return await self._retrying.call(lambda: asyncio.to_thread(step), name, *UNREACHABLE)
