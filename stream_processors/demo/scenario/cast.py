"""The company in the logs: who works there, on which machines, and who visits from outside.

Everybody is invented. Internal addresses are in 10.20.0.0/16, external ones in the ranges reserved for
documentation (RFC 5737), names under the reserved example domains (RFC 2606). Ordinary visitors stay below
.200 of each external range, so that an intruder's address is never one that was seen before.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

from stream_processors.demo.scenario.draw import Draw

_KEYS = Draw(2025)
_BASE64 = string.ascii_letters + string.digits + "+/"


def _fingerprint() -> str:
    return f"SHA256:{_KEYS.text(_BASE64, 43)}"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody or something that logs in, and the one address it logs in from."""

    login: str
    uid: int
    address: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Person(Account):
    """An employee with a Windows workstation."""

    mail: str
    workstation: str
    sid: str


@dataclass(frozen=True, slots=True)
class Host:
    """A server."""

    name: str
    address: str


def _person(index: int, first: str, last: str) -> Person:
    return Person(
        login=f"{first[0]}{last}",
        uid=1101 + index,
        address=f"10.20.{4 + index % 3}.{11 + index}",
        fingerprint=_fingerprint(),
        mail=f"{first}.{last}@example.com",
        workstation=f"WS-{'FIN' if index % 3 else 'ENG'}-{index + 1:02d}",
        sid=f"S-1-5-21-1004336348-1177238915-682003330-{1601 + 7 * index}",
    )


PEOPLE = tuple(
    _person(index, *name.split())
    for index, name in enumerate(
        (
            "amara osei",
            "ben lindqvist",
            "chiara moretti",
            "dmitri volkov",
            "elena vasquez",
            "farid haddad",
            "grace mbeki",
            "hiro tanaka",
            "ines carvalho",
            "jonas weber",
            "keiko mori",
            "liam doyle",
            "mira novak",
            "noah fischer",
        )
    )
)
ENGINEERS = PEOPLE[::3] + PEOPLE[1:2]

# Machines that log in to machines: always with a key, always from the same place.
SERVICE_ACCOUNTS = (
    Account("deploy", 1004, "10.20.1.30", _fingerprint()),
    Account("svc-backup", 1005, "10.20.1.31", _fingerprint()),
    Account("ansible", 1006, "10.20.1.32", _fingerprint()),
    Account("svc-report", 1007, "10.20.1.33", _fingerprint()),
)

LINUX = (
    Host("app-01", "10.20.2.11"),
    Host("app-02", "10.20.2.12"),
    Host("bastion-01", "10.20.0.10"),
    Host("db-01", "10.20.2.21"),
    Host("ci-01", "10.20.1.30"),
    Host("files-01", "10.20.2.31"),
)
DOMAIN_CONTROLLERS = (Host("DC-01", "10.20.0.21"), Host("DC-02", "10.20.0.22"))
WORKSTATIONS = tuple(Host(who.workstation, who.address) for who in PEOPLE)
WINDOWS_SERVERS = (*DOMAIN_CONTROLLERS, Host("FS-01", "10.20.0.31"), Host("SQL-01", "10.20.0.41"))
NODES = tuple(Host(f"node-{i}", f"10.20.8.{10 + i}") for i in range(1, 6))
RESOLVER = "10.20.0.53"
MONITOR = "10.20.0.60"
DOMAIN = "corp.example.com"
REALM = "EXAMPLE"

VISITORS = tuple(
    f"{network}.{7 + 11 * i % 190}" for i in range(24) for network in ("198.51.100", "203.0.113", "192.0.2")
)
OFFICE_GATEWAY = "198.51.100.4"
INTRUDERS = tuple(f"{network}.{last}" for network in ("203.0.113", "192.0.2") for last in (213, 227, 241))

AWS_ACCOUNT = "111122223333"
FOREIGN_AWS_ACCOUNT = "444455556666"
BUCKETS = ("example-app-assets", "example-invoices", "example-logs-archive", "example-db-backups")
NAMESPACES = ("shop", "billing", "monitoring", "search")
DEPLOYMENTS = ("cart", "checkout", "invoice-api", "catalogue", "search-indexer", "web")
