"""Redis or Valkey: settings, clients, waiting for a server, and the store that lives there.

Imports nothing of stream_processors, encoder_core or trainer.
"""

from connectors.redis.client import connect, reason, translated
from connectors.redis.reaching import StoreUnreachable, wait_until_reachable
from connectors.redis.server import Server, info_warnings, server_of, store_warnings
from connectors.redis.settings import RedisSettings, without_overridden
from connectors.redis.store import RedisStore
from connectors.store import StoreRefused

__all__ = [
    "RedisSettings",
    "RedisStore",
    "Server",
    "StoreRefused",
    "StoreUnreachable",
    "connect",
    "info_warnings",
    "reason",
    "server_of",
    "store_warnings",
    "translated",
    "wait_until_reachable",
    "without_overridden",
]
