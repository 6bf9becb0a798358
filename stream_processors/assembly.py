"""From settings to the encoder and the store they describe: what the worker and the commands both start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_processors.settings import Settings

if TYPE_CHECKING:
    from connectors.store import RedisStore
    from encoder_core import Encoder


def make_encoder(settings: Settings) -> Encoder:
    """The encoder of the settings' bundle. Raises BundleError."""
    from encoder_core import Encoder

    options = settings.encoder
    return Encoder.from_path(
        options.bundle,
        max_tokens=options.max_tokens,
        batch_tokens=options.batch_tokens,
        threads=options.threads,
        cache_bytes=options.cache_mb << 20,
    )


def make_store(settings: Settings) -> RedisStore:
    """The store of the settings; nothing is asked of the server yet."""
    from connectors.redis import connect
    from connectors.store import RedisStore

    return RedisStore(
        connect(settings.redis),
        prefix=settings.redis.prefix,
        env=settings.redis.env,
        retention=settings.retention,
    )
