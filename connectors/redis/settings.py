"""Connection settings of Redis or Valkey."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from redis.backoff import NoBackoff
from redis.retry import Retry
from typing_extensions import Self

DEFAULT_URL = "redis://localhost:6379/0"
SCHEMES = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
"""URL scheme -> TLS."""
KEY_PART = r"^[A-Za-z0-9_.-]+$"
"""No colon, brace or glob character: these parts sit before the hash tag of every key."""


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
