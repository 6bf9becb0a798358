"""What a server says about itself, and what of it may lose what the store keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import redis

from connectors.redis.client import translated
from connectors.store import StoreRefused


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
