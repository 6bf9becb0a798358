"""Waiting for a store to answer."""

from __future__ import annotations

import contextlib

import redis
from redis.exceptions import AuthenticationError, NoPermissionError

from connectors.redis.client import connect, reason, translated
from connectors.redis.settings import RedisSettings
from connectors.waiting import Deadline, OnRetry, retry


class StoreUnreachable(ConnectionError):  # noqa: N818
    """The store of ``redis.url`` did not answer in time, or refused the credentials."""


def wait_until_reachable(
    settings: RedisSettings, deadline_seconds: float = 30.0, on_retry: OnRetry | None = None
) -> None:
    """Return once the store answers PING; raise StoreUnreachable when it did not within ``deadline_seconds``.

    Refused credentials are raised at once, and so is StoreRefused when ``redis.cluster`` says what the server is
    not. Between attempts the wait doubles, with jitter; ``on_retry(reason, seconds)`` is called before each wait.
    No message holds a password.
    """
    name = "redis.host" if settings.host is not None else "redis.url"

    def attempt(seconds_left: float) -> str | None:
        # No attempt outlives the deadline by much, whatever the timeout for later commands.
        seconds = min(settings.socket_timeout, max(seconds_left, 0.2))
        try:
            client = connect(settings.model_copy(update={"socket_timeout": seconds}))
            try:
                client.ping()
                # A node answers PING whether or not its cluster works, and a replica without its primary.
                with translated(client), contextlib.suppress(NoPermissionError):
                    client.exists(f"{settings.prefix}:{settings.env}:sources")
            finally:
                client.close()
        except (AuthenticationError, NoPermissionError) as error:
            raise StoreUnreachable(
                f"the store at {settings.address} refused the credentials: {reason(error)} "
                "(settings redis.username and redis.password)"
            ) from None
        except redis.RedisError as error:
            return reason(error)
        return None

    failure = retry(attempt, Deadline(deadline_seconds), on_retry)
    if failure is not None:
        raise StoreUnreachable(
            f"no Redis or Valkey at {settings.address} within {deadline_seconds:g} s: {failure} "
            f"(setting {name})"
        )
