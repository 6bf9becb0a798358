"""What a client and its server send each other: counted, never looked at."""

from __future__ import annotations

from threading import Lock
from typing import Any


class Traffic:
    """Round trips, bytes and errors of one client since it was made; safe to use from many threads.

    round_trips: requests that were answered; commands sent together are one. errors: calls of the store that failed.
    """

    def __init__(self) -> None:
        self.round_trips = self.sent = self.received = self.errors = 0
        self._lock = Lock()

    def add(self, *, round_trips: int = 0, sent: int = 0, received: int = 0, errors: int = 0) -> None:
        """Counts more."""
        with self._lock:
            self.round_trips += round_trips
            self.sent += sent
            self.received += received
            self.errors += errors

    def connected(self, connection: Any) -> None:
        """As redis-py's ``redis_connect_func`` of a server: greets it, and counts from then on."""
        connection.on_connect()
        self.watch(connection)

    def watch(self, connection: Any) -> None:
        """Counts what goes over a connection that has nothing under way."""
        connection._sock = _Counted(connection._sock, self)
        connection._parser.on_connect(connection)


class _Counted:
    """A socket that counts what passes. Everything else is the socket's own."""

    def __init__(self, socket: Any, traffic: Traffic) -> None:
        self._socket, self._traffic, self._asked = socket, traffic, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        self._socket.sendall(data)
        self._asked = True
        self._traffic.add(sent=len(data))

    def recv(self, *args: int) -> bytes:
        data = self._socket.recv(*args)
        self._got(len(data))
        return data

    def recv_into(self, *args: Any) -> int:
        count = self._socket.recv_into(*args)
        self._got(count)
        return count

    def _got(self, count: int) -> None:
        self._traffic.add(received=count, round_trips=int(self._asked and count > 0))
        self._asked = self._asked and not count
