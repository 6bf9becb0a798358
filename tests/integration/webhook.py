"""A webhook on a free loopback port, which takes, refuses or hangs as a test wants it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "verborgen"
"""In the address."""
TOKEN = "geheim"
"""In the header."""


@dataclass(frozen=True)
class Request:
    """What came, and what was answered: 0 when nothing was before the client was gone."""

    path: str
    key: str
    token: str
    document: dict
    status: int


@dataclass
class Webhook:
    """``status``: what the next requests are answered; None lets them hang until ``let_go``."""

    status: int | None = 200
    requests: list[Request] = field(default_factory=list)
    hanging: list[str] = field(default_factory=list)
    url: str = ""
    _gone: threading.Event = field(default_factory=threading.Event)

    def let_go(self) -> None:
        """Ends the requests that hang without an answer."""
        self._gone.set()

    def keys(self, *statuses: int) -> list[str]:
        """Keys of the requests that were answered so, in order."""
        return [request.key for request in self.requests if request.status in statuses]

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        key, token, status = handler.headers["Idempotency-Key"], handler.headers["X-Token"], self.status
        if status is None:
            self.hanging.append(key)
            self._gone.wait(60)
        self.requests.append(Request(handler.path, key, token, json.loads(body), status or 0))
        if status is None:
            handler.close_connection = True
            return
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def webhook() -> Iterator[Webhook]:
    """One that listens until the block is left."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            hook.take(self)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hook.url = f"http://127.0.0.1:{server.server_port}/hooks/{SECRET}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hook
    finally:
        hook.let_go()
        server.shutdown()
        server.server_close()
