"""What a worker tells over HTTP: is it moving, is it ready, and its metrics. Nothing of log lines.

``GET /healthz``: 200, or 503 with the reasons. ``GET /readyz``: 200, or 503 with the checks that do not pass.
``GET /metrics``: for Prometheus.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger("secencoder.health")

CHECK_SECONDS = 2.0
"""Longest wait for one check of readiness; probes give up after a few seconds themselves."""
STOP_SECONDS = 1.0
"""Longest wait for open connections when stopping."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of Prometheus' text format."""

Check = Callable[[], Awaitable[bool]]


class HealthSettings(BaseModel):
    """Where the worker tells how it is, and when it counts as stuck."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if 0 < self.exit_seconds < self.stall_seconds:
            raise ValueError(
                f"health.exit_seconds: {self.exit_seconds:g} is less than health.stall_seconds, "
                f"{self.stall_seconds:g}; 0 for never"
            )
        return self

    host: str = Field(
        "127.0.0.1", min_length=1, description="Address that /healthz, /readyz and /metrics listen on"
    )
    port: int = Field(8080, ge=0, lt=65536, description="Port of /healthz, /readyz and /metrics; 0 for none")
    stall_seconds: float = Field(
        60, gt=0, description="Seconds without progress after which a partition that is behind is unhealthy"
    )
    exit_seconds: float = Field(
        600, ge=0, description="Seconds without progress after which the worker ends; 0 for never"
    )


class Health:
    """The HTTP server. ``alive()`` gives the reasons why the worker isn't well, ``ready`` a check for each name.

    scrape: gives the metrics in Prometheus' text format; none are served without. A check that raises, or takes
    longer than CHECK_SECONDS, does not pass. It runs once at a time, however many ask.
    """

    def __init__(
        self,
        settings: HealthSettings,
        alive: Callable[[], list[str]],
        ready: Mapping[str, Check],
        scrape: Callable[[], Awaitable[bytes]] | None = None,
    ) -> None:
        self._settings, self._alive, self._ready, self._scrape = settings, alive, ready, scrape
        self._running: dict[str, asyncio.Future[bool]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listens, if there is a port to listen on; one that can't be had is a warning, since the work goes on."""
        from aiohttp import web  # late: commands read the settings above without a server

        if not self._settings.port:
            return
        app = web.Application()
        app.add_routes([web.get("/healthz", self._healthz), web.get("/readyz", self._readyz)])
        if self._scrape is not None:
            app.add_routes([web.get("/metrics", self._metrics)])
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._settings.host, self._settings.port).start()
        except OSError as error:
            await runner.cleanup()
            log.warning(
                "/healthz, /readyz and /metrics are not served on %s:%s: %s (settings health.host and health.port)",
                *(self._settings.host, self._settings.port, error.strerror or error),
            )
        else:
            self._runner = runner

    async def stop(self) -> None:
        """Listens no longer."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for running in self._running.values():
            running.cancel()

    async def _healthz(self, request: web.Request) -> web.Response:
        reasons = self._alive()
        return answer("unhealthy", reasons=reasons) if reasons else answer("ok")

    async def _readyz(self, request: web.Request) -> web.Response:
        passed = await asyncio.gather(*map(self._passes, self._ready))
        missing = [name for name, passes in zip(self._ready, passed, strict=True) if not passes]
        return answer("not ready", missing=missing) if missing else answer("ok")

    async def _metrics(self, request: web.Request) -> web.Response:
        from aiohttp import web

        assert self._scrape is not None
        return web.Response(body=await self._scrape(), headers={"Content-Type": CONTENT_TYPE})

    async def _passes(self, name: str) -> bool:
        running = self._running.get(name)
        if running is None or running.done():
            running = self._running[name] = asyncio.ensure_future(self._ready[name]())
            running.add_done_callback(_look_at_exception)
        try:
            # Shielded: a store that hangs keeps one thread busy, not one for each probe.
            return bool(await asyncio.wait_for(asyncio.shield(running), CHECK_SECONDS))
        except Exception:
            return False


def answer(status: str, **details: Any) -> web.Response:
    """A JSON body, 200 when there are no details that say what is wrong, else 503."""
    from aiohttp import web

    return web.json_response({"status": status, **details}, status=503 if details else 200)


def _look_at_exception(done: asyncio.Future[bool]) -> None:
    """So that asyncio doesn't log an exception that came after everybody had given up waiting."""
    if not done.cancelled():
        done.exception()
