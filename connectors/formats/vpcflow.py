"""AWS VPC flow logs: version 2's columns, more columns after them, or those that a header line names."""

from __future__ import annotations

import re

from connectors.formats.headers import HeaderLines
from connectors.formats.pairs import render
from connectors.formats.times import parse_time
from connectors.records import Record

_VERSION_2 = (
    *("version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol"),
    *("packets", "bytes", "start", "end", "action", "log-status"),
)
_LATER = (
    *("vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "region"),
    *("az-id", "sublocation-type", "sublocation-id", "pkt-src-aws-service", "pkt-dst-aws-service"),
    *("flow-direction", "traffic-path", "ecs-cluster-arn", "ecs-cluster-name", "ecs-container-instance-arn"),
    *("ecs-container-instance-id", "ecs-container-id", "ecs-second-container-id", "ecs-service-name"),
    *("ecs-task-definition-arn", "ecs-task-arn", "ecs-task-id", "reject-reason", "resource-id"),
    *("encryption-status",),
)
"""Columns of versions 3 and later, in the order of AWS's documentation."""
_NAMES = frozenset(_VERSION_2 + _LATER)
MIN_NAMES = 4
"""Least number of columns that a header line names."""

_ROW = re.compile(r"[2-9] (?:[0-9]{12}|unknown|-) eni-[0-9a-f]{6,20} ").match
_ADDRESS = re.compile(r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*|-").fullmatch
_DIGITS = re.compile(r"[0-9]{1,20}|-").fullmatch
_TESTS = {
    **dict.fromkeys(("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"), _ADDRESS),
    **dict.fromkeys(("srcport", "dstport", "protocol", "packets", "bytes", "start", "end"), _DIGITS),
    "action": re.compile(r"ACCEPT|REJECT|-").fullmatch,
    "log-status": re.compile(r"OK|NODATA|SKIPDATA|-").fullmatch,
    "vpc-id": re.compile(r"vpc-[0-9a-f]{6,20}|-").fullmatch,
}
_UNSHOWN = frozenset(
    (
        *(
            "version",
            "account-id",
            "interface-id",
            "srcport",
            "packets",
            "bytes",
            "start",
            "end",
            "resource-id",
        ),
        *(
            "ecs-task-id",
            "ecs-task-arn",
            "ecs-container-id",
            "ecs-second-container-id",
            "subnet-id",
            "instance-id",
        ),
    )
)


def names_of(line: str) -> tuple[str, ...] | None:
    """The columns that a line names, if it does nothing else."""
    if line.partition(" ")[0] not in _NAMES:
        return None
    names = tuple(line.split(" "))
    return names if len(names) >= MIN_NAMES and _NAMES.issuperset(names) else None


def note_header(line: str, headers: HeaderLines, stream: str) -> bool:
    """Whether the line names columns, and nothing else; they are remembered."""
    names = names_of(line)
    if names is not None:
        headers.name(stream, "vpcflow", names)
    return names is not None


def parse_vpcflow(line: str, headers: HeaderLines | None, stream: str) -> Record | None:
    """The record of a flow: named by the header line of its stream, else in version 2's order.

    Further columns without a header are taken in the order of AWS's documentation. Values of ``-`` are no columns.
    The time is the start of the flow. None for any other line.
    """
    if headers is not None and headers.has(stream, "vpcflow"):
        header = headers.named(stream, "vpcflow", line.count(" ") + 1)
        if header is not None and (record := _record(header.names, line.split(" "))):
            return record
    if not _ROW(line):
        return None
    values = line.split(" ")
    names = (_VERSION_2 + _LATER)[: len(values)]
    return _record(names, values) if len(_VERSION_2) <= len(values) == len(names) else None


def _record(names: tuple[str, ...], values: list[str]) -> Record | None:
    fields = {}
    for name, value in zip(names, values, strict=True):
        test = _TESTS.get(name)
        if test is not None and not test(value):
            return None
        if value and value != "-":
            fields[name] = value
    shown = {name: value for name, value in fields.items() if name not in _UNSHOWN}
    time = parse_time(fields.get("start", ""))
    return Record(text=render(shown or fields), format="vpcflow", fields=fields, time=time)
