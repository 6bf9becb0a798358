"""The worker: a Faust app with two channels, an agent over each, and the service that feeds them.

Faust's own consumer is not started: its per-event path is an order of magnitude slower, and its commit can pass an
offset in flight.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

import faust
from faust.app.base import BootStrategy

from connectors.envelopes.plugins import known_envelopes
from connectors.version import version
from encoder_core import Encoder
from encoder_core.cascade import Cascade
from stream_processors.assembly import limit_blas, make_embedder, make_matching, make_store
from stream_processors.delivery.service import StreamService
from stream_processors.detection.pipeline import Pipeline
from stream_processors.operations.compiling import compile_ahead, told_of_compiling
from stream_processors.operations.logs import limit_repeats
from stream_processors.operations.metrics import Metrics
from stream_processors.operations.report import EncoderReport
from stream_processors.operations.tracing import make_tracing
from stream_processors.settings import Settings

log = logging.getLogger("secencoder.worker")

SHUTDOWN_SECONDS = 30.0
"""After a signal to stop: the process ends then whatever still hangs. Nothing is lost, the store is the truth."""


class LocalBootStrategy(BootStrategy):
    """Faust without Kafka clients or web server of its own: agents, channels, services and signals only."""

    enable_kafka = False
    enable_kafka_consumer = False
    enable_kafka_producer = False
    enable_web = False


class App(faust.App):
    """A Faust app that leaves Kafka to our consumer service, ``delivery``."""

    BootStrategy = LocalBootStrategy
    delivery: StreamService

    async def on_start(self) -> None:
        """Opens the channels, which Faust does when its own consumer gets partitions."""
        await super().on_start()
        self.flow_control.resume()


class Worker(faust.Worker):
    """A Faust worker whose log stays readable in an outage and whose shutdown is bounded in time."""

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        """Called when Faust has set up the log."""
        super().on_setup_root_logger(logger, level)
        limit_repeats(logger.handlers)

    def execute_from_commandline(self) -> NoReturn:
        """Runs until it is told to stop (exit code 0) or gives up (1)."""
        delivery = cast(App, self.app).delivery
        try:
            super().execute_from_commandline()
        except SystemExit:
            if delivery.given_up is None:
                raise
        log.critical("ended, to be started again: %s", delivery.given_up)
        raise SystemExit(1)

    def _schedule_shutdown(self, signal: Any) -> None:
        timer = threading.Timer(SHUTDOWN_SECONDS, _exit_now)
        timer.daemon = True
        timer.start()
        super()._schedule_shutdown(signal)


def _exit_now() -> None:
    log.error(
        "not stopped %s seconds after the signal: exiting; the next worker goes on from the store",
        SHUTDOWN_SECONDS,
    )
    os._exit(1)


def encoders_of(embedder: Encoder | Cascade, tier: str) -> dict[str, Encoder]:
    """The encoders by tier: two in a cascade."""
    if isinstance(embedder, Cascade):
        return {"static": embedder.static, "full": embedder.full}
    return {tier: embedder}


def make_app(settings: Settings, make_service: Callable[..., StreamService] = StreamService) -> App:
    """The Faust app: two channels, an agent over each, and the service that feeds them."""
    limit_blas()
    known_envelopes()  # a broken plug-in is said before anything starts
    encoder, store = make_embedder(settings), make_store(settings)
    model = encoder.bundle.identity
    tracing = make_tracing(settings.telemetry, version=version(), model=model)
    pipeline = Pipeline(encoder, make_matching(settings), encoder.count_words)
    compile_ahead(log.warning)
    with told_of_compiling(log.warning):
        pipeline.warm_up()
    app = App(
        settings.stream.group,
        Worker=Worker,
        web_enabled=False,
        datadir=Path(tempfile.gettempdir())
        / "secencoder-streams",  # Faust makes one, nothing of ours is in it
    )
    metrics = Metrics(version=version(), model=model, most_sources=settings.stream.max_sources)
    metrics.traffic, metrics.encoders = store.traffic, encoders_of(encoder, settings.encoder.tier)
    service = make_service(
        settings,
        pipeline,
        store,
        dim=encoder.dim,
        model=model,
        metrics=metrics,
        report=EncoderReport(encoder),
        tracing=tracing,
    )
    service.channel = app.channel(maxsize=settings.stream.queued_batches)
    service.long_channel = app.channel(maxsize=0)  # no bound
    app.delivery = service
    app.service(service)  # type: ignore[arg-type]  # Faust takes instances as well as classes

    @app.agent(service.channel, name="detect")
    async def detect(batches: Any) -> None:
        async for batch in batches:
            await service.begin(batch)

    @app.agent(service.long_channel, name="detect-long")
    async def detect_long(batches: Any) -> None:
        async for batch in batches:
            await service.take(batch)

    return app
