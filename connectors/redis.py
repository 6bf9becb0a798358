"""Redis or Valkey: connection settings, one way to connect, and waiting for a store to answer.

What is kept in the store is the business of stream_processors; nothing of it is imported here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit

import redis
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    NoPermissionError,
    RedisClusterException,
)
from redis.retry import Retry
from typing_extensions import Self

from connectors.backoff import Deadline, OnRetry, retry

DEFAULT_URL = "redis://localhost:6379/0"
SCHEMES = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
"""URL scheme -> TLS."""
KEY_PART = r"^[A-Za-z0-9_.-]+$"
"""No colon, brace or glob character: these parts sit before the hash tag of every key."""


class StoreUnreachable(ConnectionError):  # noqa: N818
    """The store of ``redis.url`` did not answer in time, or refused the credentials."""


class StoreRefused(RuntimeError):  # noqa: N818
    """The server refuses what the store needs; the message is one line that names it."""


class RedisSettings(BaseModel):
    """How to reach the store: ``url``, or ``host``, ``port`` and ``db``.

    A password inside the URL is moved to ``password``, so that ``url`` is safe to show.
    """

    # Inputs are hidden in errors: a rejected value may be a secret.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(
        default=DEFAULT_URL,
        repr=False,
        description="redis://[user:password@]host:port/db; rediss:// means TLS",
    )
    host: str | None = Field(default=None, min_length=1, description="Host name, in place of redis.url")
    port: int | None = Field(default=None, gt=0, lt=65536, description="Port; 6379 when unset")
    db: int | None = Field(
        default=None, ge=0, description="Database number; 0 when unset. A cluster has only 0"
    )
    username: str | None = Field(default=None, description="ACL user")
    password: SecretStr | None = Field(default=None, description="Password")
    tls: bool = Field(default=False, description="Encrypt and verify the connection; implied by rediss://")
    ssl_ca: Path | None = Field(
        default=None, description="PEM file with the CAs to trust; the system's when unset"
    )
    ssl_cert: Path | None = Field(
        default=None, description="PEM file with the client certificate (mutual TLS)"
    )
    ssl_key: Path | None = Field(default=None, description="PEM file with the client's key")
    cluster: bool = Field(default=False, description="The address is a node of a Redis or Valkey cluster")
    socket_timeout: float = Field(
        default=5.0, gt=0, description="Seconds to wait for a connection or an answer"
    )
    prefix: str = Field(default="se", pattern=KEY_PART, description="First part of every key")
    env: str = Field(
        default="default", pattern=KEY_PART, description="Environment name, second part of every key"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._take_from_url()
        self._check_endpoint()
        if self.username is not None and self.password is None:
            raise ValueError("redis.username is set without redis.password")
        if not self.tls:
            for name in ("ssl_ca", "ssl_cert", "ssl_key"):
                if getattr(self, name) is not None:
                    raise ValueError(f"redis.{name} has no effect without redis.tls (or a rediss:// URL)")
        if self.ssl_key is not None and self.ssl_cert is None:
            raise ValueError("redis.ssl_key is set without redis.ssl_cert")
        return self

    def _check_endpoint(self) -> None:
        if self.host is None:
            for name in ("port", "db"):
                if getattr(self, name) is not None:
                    raise ValueError(f"redis.{name} needs redis.host; with redis.url put it into the URL")
        elif self.url != DEFAULT_URL:
            raise ValueError("redis.url and redis.host are both set; use one of them")
        if self.cluster and self.endpoint[2] != 0:
            raise ValueError("redis.cluster: a cluster has only database 0")

    def _take_from_url(self) -> None:
        """Move user, password and TLS out of the URL. No error message shows any part of it."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        db = parts.path.strip("/") if host else ""
        if host is None or parts.scheme not in SCHEMES or (db and not (db.isascii() and db.isdigit())):
            raise ValueError(
                "redis.url: expected redis://[user:password@]host[:port][/db], or rediss:// for TLS"
            )
        if parts.query or parts.fragment:
            raise ValueError("redis.url: options after ? or # are not supported; use the settings of [redis]")
        username = unquote(parts.username) if parts.username else None
        if parts.password is not None:
            if self.password is not None:
                raise ValueError("redis.password is set, and redis.url holds one as well; use one of them")
            self.password = SecretStr(unquote(parts.password))
        if username and self.username not in (None, username):
            raise ValueError("redis.username is set, and redis.url holds another one; use one of them")
        self.username = username or self.username
        self.tls = self.tls or SCHEMES[parts.scheme]
        shown = f"[{host}]" if ":" in host else host
        user = f"{quote(username, safe='')}@" if username else ""
        self.url = f"{parts.scheme}://{user}{shown}:{port or 6379}/{int(db or 0)}"

    @property
    def endpoint(self) -> tuple[str, int, int]:
        """Host, port and database number, whichever way they were given."""
        if self.host is not None:
            return self.host, self.port or 6379, self.db or 0
        parts = urlsplit(self.url)
        return parts.hostname or "localhost", parts.port or 6379, int(parts.path.strip("/") or 0)

    @property
    def address(self) -> str:
        """``host:port``, for messages."""
        host, port, _ = self.endpoint
        return f"{host}:{port}"

    def client_kwargs(self) -> dict[str, Any]:
        """Arguments for ``redis.Redis`` and ``redis.asyncio.Redis``. They hold secrets: never log them.

        RESP2 is asked for, so that answers have the same shapes with every client and server version. The
        client's own silent retries (10 in redis-py 8) are off: whoever calls decides what is safe to repeat.
        """
        host, port, db = self.endpoint
        kwargs: dict[str, Any] = {
            "host": host,
            "port": port,
            "db": db,
            "username": self.username,
            "password": self.password.get_secret_value() if self.password is not None else None,
            "socket_timeout": self.socket_timeout,
            "socket_connect_timeout": self.socket_timeout,
            "decode_responses": False,
            "protocol": 2,
        }
        if self.cluster:
            del kwargs["db"]
        else:
            kwargs["retry"] = Retry(NoBackoff(), 0)
        if self.tls:
            kwargs["ssl"] = True
            for option, setting in (
                ("ssl_ca_certs", "ssl_ca"),
                ("ssl_certfile", "ssl_cert"),
                ("ssl_keyfile", "ssl_key"),
            ):
                path: Path | None = getattr(self, setting)
                if path is not None and not path.is_file():
                    raise ValueError(f"redis.{setting}: no such file: {path}")
                kwargs[option] = str(path) if path is not None else None
        return kwargs


def without_overridden(lower: Mapping[str, Any], higher: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's settings of the store without those that a higher layer says in another way.

    ``host`` stands for the whole ``url``, and the other way round; a user or password stands for the one inside the
    URL below, and one inside a URL for those below.
    """
    kept = dict(lower)
    if higher.get("host") is not None:
        kept.pop("url", None)
    if higher.get("url") is not None:
        parts = urlsplit_or_none(higher["url"])
        given = (
            "host",
            "port",
            "db",
            *(("username", "password") if parts and parts.password is not None else ()),
        )
        return {name: value for name, value in kept.items() if name not in given}
    parts = urlsplit_or_none(kept.get("url"))
    if parts is None or "@" not in parts.netloc:
        return kept
    user = None if higher.get("username") is not None else parts.username
    password = None if higher.get("password") is not None else parts.password
    login = f"{user or ''}{'' if password is None else ':' + password}"
    host = parts.netloc.rpartition("@")[2]
    kept["url"] = parts._replace(netloc=f"{login}@{host}" if login else host).geturl()
    return kept


def urlsplit_or_none(url: object) -> SplitResult | None:
    """A URL's parts; None for what is none, which is told when the settings are checked."""
    try:
        return urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None


class LazyCluster:
    """Stands for a RedisCluster client, which connects when it is made: here that is its first use.

    So a cluster that is down is an error of a command, as a single server's is, and the next command tries again.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._kwargs, self._address = settings.client_kwargs(), settings.address
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


def connect(settings: RedisSettings) -> redis.Redis | redis.RedisCluster:
    """A client whose answers are bytes; it connects at its first command."""
    if settings.cluster:
        return cast(redis.RedisCluster, LazyCluster(settings))
    return redis.Redis(**settings.client_kwargs())


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


class Server(NamedTuple):
    """What a server says that it is."""

    name: str
    """E.g. ``Valkey 9.1.2``."""
    version: tuple[int, ...] = ()
    """Empty when it does not say."""

    @property
    def too_old(self) -> bool:
        """Whether it lacks commands that the store uses."""
        return self.name.startswith("Redis") and () < self.version < (6, 2)


def server_of(client: Any) -> Server:
    """Name and version of the server, as far as INFO is permitted."""
    info = read_info(client)
    if not info:
        return Server("INFO is not permitted")
    name = str(info.get("server_name", "redis"))
    version = str(info.get(f"{name}_version", info.get("redis_version", "?")))
    return Server(f"{name.capitalize()} {version}", tuple(map(int, re.findall(r"\d+", version))))


def read_info(client: Any) -> dict[str, Any]:
    """INFO of the server, of one node for a cluster; empty when it is not permitted."""
    try:
        with translated(client):
            return dict(client.info())
    except redis.ResponseError:
        return {}


def store_warnings(client: Any) -> list[str]:
    """One line for each thing about the server that may lose what the store keeps; never an error."""
    try:
        info = read_info(client)
    except (redis.RedisError, StoreRefused):
        info = {}
    if not info:
        return ["the store does not tell about itself (INFO): whether it keeps its data is not known"]
    return info_warnings(info, server_of(client))


def info_warnings(info: Mapping[str, Any], server: Server) -> list[str]:
    """The warnings that an INFO gives cause for."""
    warnings = []
    if not info.get("aof_enabled"):
        warnings.append(
            "the store writes no append-only file: what was applied since its last dump is lost when it ends, "
            "and processed again (set appendonly yes)"
        )
    policy, limit = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0))
    if policy != "noeviction":
        warnings.append(
            f"the store may evict keys of ours when its memory is full: maxmemory-policy is {policy} "
            "(set it to noeviction)"
        )
    if 0 < limit <= int(info.get("used_memory", 0)):
        warnings.append(f"the store has reached its maxmemory of {limit} bytes: it takes nothing more")
    if server.name.startswith("Redis") and server.version[:2] == (7, 0):
        warnings.append(
            f"the store is {server.name}: after a crash within a write, its second restart may replay a part of it "
            "(Valkey 9 does not)"
        )
    return warnings


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


def reason(error: Exception) -> str:
    """What went wrong, in one line without secrets and without the address, which the caller names."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, redis.TimeoutError):
        return "timed out"
    if isinstance(error, redis.ConnectionError) and isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
