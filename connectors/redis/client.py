"""One way to connect to a server or a cluster, and what an error of a command means for the next one."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, TypeVar, cast

import redis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    NoPermissionError,
    RedisClusterException,
)

from connectors.redis.settings import RedisSettings
from connectors.redis.traffic import Traffic
from connectors.store import StoreRefused

Function = TypeVar("Function", bound=Callable[..., Any])


class LazyCluster:
    """Stands for a RedisCluster client, which connects when it is made: here that is its first use.

    So a cluster that is down is an error of a command, as a single server's is, and the next command tries again.
    """

    def __init__(self, settings: RedisSettings, traffic: Traffic) -> None:
        self._kwargs, self._address = settings.client_kwargs(), settings.address
        self._kwargs["redis_connect_func"] = traffic.watch  # called when the client has greeted the node
        self._client: redis.RedisCluster | None = None
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connected()
        return getattr(self._client, name)

    def _connected(self) -> redis.RedisCluster:
        try:
            return redis.RedisCluster(**self._kwargs)
        except RedisClusterException as error:
            cause = error.__cause__ or error
            # redis-py says "cluster mode is not enabled" for whatever CLUSTER SLOTS was answered with.
            answer = cause.__context__ if isinstance(cause, RedisClusterException) else cause
            if isinstance(answer, AuthenticationError | NoPermissionError):
                raise answer from None
            if "cluster support disabled" in str(answer):
                raise StoreRefused(
                    f"the server at {self._address} is no node of a cluster (setting redis.cluster)"
                ) from None
            failed = answer if isinstance(answer, redis.RedisError) else error
            raise redis.ConnectionError(reason(failed)) from None

    def forget(self) -> None:
        """Finds the nodes anew with the next command."""
        self._client = None

    def close(self) -> None:
        """Closes its connections, if there are any."""
        if self._client is not None:
            self._client.close()


def connect(settings: RedisSettings, traffic: Traffic | None = None) -> redis.Redis | redis.RedisCluster:
    """A client whose answers are bytes; it connects at its first command. traffic: counts what is sent."""
    traffic = traffic or Traffic()
    if settings.cluster:
        return cast(redis.RedisCluster, LazyCluster(settings, traffic))
    return redis.Redis(**settings.client_kwargs(), redis_connect_func=cast(Any, traffic.connected))


@contextlib.contextmanager
def translated(client: Any) -> Iterator[None]:
    """Around commands: an error that passes when another server answers makes the next command connect anew.

    Behind one address a failover puts another server, and the client would keep its connection to the old one.
    Raises StoreRefused for a cluster that is not known as one; all others are redis.RedisError.
    """
    try:
        yield
    except (redis.ReadOnlyError, ClusterDownError, redis.BusyLoadingError):
        forget_connections(client)
        raise
    except RedisClusterException as error:
        forget_connections(client)
        raise redis.ConnectionError(reason(error)) from error
    except AskError:
        if is_cluster(client):
            raise
        raise StoreRefused("the store is a node of a cluster: set redis.cluster") from None


def answered(method: Function) -> Function:
    """A method of what has a client as ``_redis``, whose errors say what the next try needs, see ``translated``.

    They are counted in its ``traffic``.
    """

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with translated(self._redis):
                return method(self, *args, **kwargs)
        except (redis.RedisError, StoreRefused):
            self.traffic.add(errors=1)
            raise

    return cast(Function, call)


def is_cluster(client: Any) -> bool:
    """Whether a client knows that it speaks to a cluster."""
    return isinstance(client, LazyCluster | redis.RedisCluster)


def forget_connections(client: Any) -> None:
    """Closes the idle connections; those in use belong to threads that will come here themselves."""
    if isinstance(client, LazyCluster):
        client.forget()
    elif not is_cluster(client):
        client.connection_pool.disconnect(inuse_connections=False)


def is_passing(error: Exception) -> bool:
    """Whether the server says that it will answer later, or another one will."""
    return isinstance(error, redis.ReadOnlyError | ClusterDownError | redis.ConnectionError) or str(
        error
    ).startswith(("BUSY", "TRYAGAIN", "NOREPLICAS"))


def reason(error: Exception) -> str:
    """What went wrong, in one line without secrets and without the address, which the caller names."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, redis.TimeoutError):
        return "timed out"
    if isinstance(error, redis.ConnectionError) and isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
