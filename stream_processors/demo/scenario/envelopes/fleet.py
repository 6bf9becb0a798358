"""Where lines come from: services in containers on hosts, rolled out anew while the stream goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stream_processors.demo.scenario import LabelledLine, cast
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment

REPLICAS = 3
ROLLOUT = 1 / 200
"""Chance that a line's service is rolled out anew right before it."""
_POD_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SERVICES = {
    "sshd": ("platform", "bastion", "/var/log/auth.log"),
    "auditd": ("platform", "audit", "/var/log/audit/audit.log"),
    "windows": ("platform", "event-collector", "/var/log/forwarded/events.json"),
    "cloudtrail": ("platform", "trail-poller", "/var/log/trail/events.json"),
    "nginx": ("shop", "edge", "/var/log/nginx/access.log"),
    "kubernetes": ("kube-system", "kube-apiserver", "/var/log/kubernetes/audit.log"),
    "dns": ("kube-system", "resolver", "/var/log/named/queries.log"),
    "java": ("shop", "orders", "/var/log/orders/orders.log"),
}
_SYSLOG = re.compile(r"<(\d+)>(\w+ +\d+ [\d:]+) (\S+) ([^\s:\[]+)(?:\[(\d+)\])?: (.*)", re.DOTALL)
_JAVA = re.compile(r"\S+ \S+ (\w+) +\[([^\]]+)\] (\S+) - (.*)", re.DOTALL)
_SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_FACILITIES = {4: "auth", 10: "authpriv", 16: "local0"}


@dataclass(slots=True)
class Place:
    """One copy of a service: a container in a pod on a host, whose output is a file there."""

    namespace: str
    service: str
    host: cast.Host
    pod: str
    uid: str
    address: str
    container_id: str
    image: str
    path: str
    inode: int
    agent: str
    """Id of the shipper on its host, new with every start."""
    offset: int = 0

    @property
    def pod_file(self) -> str:
        """Where the kubelet keeps the container's output."""
        return f"/var/log/pods/{self.namespace}_{self.pod}_{self.uid}/{self.service}/0.log"


@dataclass(frozen=True, slots=True)
class Syslog:
    """A syslog line taken apart, as shippers do that parse it themselves."""

    priority: int
    host: str
    program: str
    pid: str
    message: str

    @property
    def severity(self) -> str:
        """Its name."""
        return _SEVERITIES[self.priority % 8]

    @property
    def facility(self) -> str:
        """Its name."""
        return _FACILITIES.get(self.priority // 8, "daemon")

    @property
    def tag(self) -> str:
        """Program and pid as they stand before the message."""
        return f"{self.program}[{self.pid}]:" if self.pid else f"{self.program}:"


@dataclass(frozen=True, slots=True)
class Logged:
    """A Java line taken apart, as its logger knows it before a layout makes text of it."""

    level: str
    thread: str
    logger: str
    message: str


@dataclass(slots=True)
class Fleet:
    """All places of the company; the same seed and lines give the same ones."""

    draw: Draw
    _places: dict[str, list[Place]] = field(default_factory=dict)

    def place(self, line: LabelledLine) -> Place:
        """Where a line was written; its file is longer by it afterwards."""
        places = self._places.get(line.system)
        if places is None or self.draw.chance(ROLLOUT):
            places = self._places[line.system] = self._rollout(line.system)
        place = self.draw.pick(places)
        place.offset += len(line.line.encode()) + 1
        return place

    def _rollout(self, system: str) -> list[Place]:
        """New copies of a service: another image, other pods, containers, addresses and files."""
        draw = self.draw
        namespace, service, path = _SERVICES[system]
        revision = draw.text(_POD_ALPHABET, 9)
        image = f"registry.example.com/{namespace}/{service}:2.{draw.below(40)}.{draw.below(10)}"
        return [
            Place(
                namespace=namespace,
                service=service,
                host=draw.pick(cast.NODES),
                pod=f"{service}-{revision}-{draw.text(_POD_ALPHABET, 5)}",
                uid=draw.uuid(),
                address=f"10.20.{16 + draw.below(8)}.{draw.between(2, 250)}",
                container_id=draw.hex(64),
                image=image,
                path=path,
                inode=draw.between(131_072, 9_000_000),
                agent=draw.uuid(),
                offset=draw.below(1 << 24),
            )
            for _ in range(REPLICAS)
        ]


def moment(line: LabelledLine, delay: float = 0.0) -> Moment:
    """When a line was written, or ``delay`` seconds later."""
    return Moment(round((line.time + delay) * 1_000_000))


def syslog(line: LabelledLine) -> Syslog | None:
    """The parts of a syslog line, None for another one."""
    match = _SYSLOG.fullmatch(line.line)
    return match and Syslog(int(match[1]), match[3], match[4], match[5] or "", match[6])


def logged(line: LabelledLine) -> Logged | None:
    """The parts of a Java line, None for another one."""
    match = _JAVA.fullmatch(line.line) if line.system == "java" else None
    return match and Logged(match[1], match[2], match[3], match[4])
