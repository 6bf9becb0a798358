"""From settings to the encoder and the store they describe: what the worker and the commands both start from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from stream_processors.settings import Settings, SettingsError

if TYPE_CHECKING:
    from connectors.records import Record
    from connectors.redis import RedisStore
    from encoder_core import Bundle, Encoder
    from encoder_core.cascade import Cascade
    from encoder_core.templates import Templates
    from stream_processors.detection.batch import Matching


def limit_blas() -> None:
    """One thread for this process' matrix products: those of detection are small, and the encoder has every core."""
    threadpool_limits(1, "blas")


def make_embedder(settings: Settings) -> Encoder | Cascade:
    """What detection embeds lines with: the encoder of ``encoder.tier``, or both in a cascade. Raises BundleError."""
    options = settings.encoder
    if options.tier != "cascade":
        return make_encoder(settings)
    from encoder_core.cascade import Cascade

    share = (options.cache_mb << 20) // 2
    static = load_encoder(settings, static_bundle(settings), cache_bytes=share)
    full = load_encoder(settings, options.bundle, cache_bytes=share)
    check_student(static.bundle, full.bundle)
    return Cascade(static, full, similarity=options.cascade_similarity)


def check_student(static: Bundle, full: Bundle) -> None:
    """Raises BundleError unless ``static`` was distilled from exactly ``full``: no two trainings share a space."""
    from encoder_core import BundleError

    teacher = static.manifest.get("teacher")
    if not isinstance(teacher, dict) or teacher.get("sha256") != full.sha256:
        raise BundleError(
            f"{static.path}: was not distilled from {full.name} {full.version} in {full.path}; "
            "a cascade needs the student of its own encoder (setting encoder.static_bundle)"
        )


def make_encoder(settings: Settings) -> Encoder:
    """The encoder in whose space the store's vectors are: static with that tier, else full. Raises BundleError."""
    options = settings.encoder
    bundle = static_bundle(settings) if options.tier == "static" else options.bundle
    return load_encoder(settings, bundle, cache_bytes=options.cache_mb << 20)


def make_reading(settings: Settings) -> Callable[[Record], str]:
    """What the encoder reads of a record, by ``encoder.input``: its template, or its text."""
    if settings.encoder.input == "line":
        return lambda record: record.text
    from stream_processors.detection.matching import match_record

    templates = make_templates(settings)
    return lambda record: match_record(record, templates).template


def static_bundle(settings: Settings) -> Path:
    """The folder of the static encoder. Raises BundleError when there is none."""
    from encoder_core import BundleError, static_bundle_path

    options = settings.encoder
    path = options.static_bundle or static_bundle_path()
    if not path.is_dir():
        raise BundleError(
            f"{path}: no such model bundle; encoder.tier = {options.tier} needs one (setting encoder.static_bundle)"
        )
    return path


def load_encoder(settings: Settings, bundle: Path | None, *, cache_bytes: int) -> Encoder:
    """An encoder of a bundle, by default the shipped one, with the settings' options. Raises BundleError."""
    from encoder_core import Encoder

    options = settings.encoder
    return Encoder.from_path(
        bundle,
        max_tokens=options.max_tokens,
        batch_tokens=options.batch_tokens,
        threads=options.threads,
        cache_bytes=cache_bytes,
    )


def make_templates(settings: Settings) -> Templates:
    """What knows the templates of lines. Raises SettingsError for a mask or seed that can't be one."""
    from encoder_core.templates import Templates

    options = settings.templates
    seeds = list(options.seeds)
    if options.seeds_file is not None:
        try:
            lines = options.seeds_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"templates.seeds_file: {options.seeds_file} can't be read: {error}"
            ) from error
        seeds += [line for line in lines if line.strip()]
    try:
        return Templates(options.masks, seeds)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def make_matching(settings: Settings) -> Matching:
    """What knows the templates of records, and what the encoder reads of them. Raises SettingsError."""
    from stream_processors.detection.batch import Matching

    return Matching(make_templates(settings), by_line=settings.encoder.input == "line")


def make_store(settings: Settings) -> RedisStore:
    """The store of the settings; nothing is asked of the server yet."""
    from connectors.redis import RedisStore, connect
    from connectors.redis.traffic import Traffic

    traffic = Traffic()
    return RedisStore(
        connect(settings.redis, traffic),
        prefix=settings.redis.prefix,
        env=settings.redis.env,
        retention=settings.retention,
        group=settings.stream.group,
        traffic=traffic,
    )
