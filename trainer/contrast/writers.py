"""The same record as different programs would write it: JSON, logfmt, a syslog line, free text."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import orjson

MOST_COLUMNS = 12
"""Columns of a record that are written; what follows would not reach the model."""
LONGEST_VALUE = 200
MESSAGE_NAMES = ("message", "msg", "log", "text", "event")
HOSTS = ("web01", "db-2", "fw", "host7", "node-3.example.com", "srv", "gw1", "mail")
PROGRAMS = ("app", "svc", "daemon", "agent", "worker", "audit")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Columns = Mapping[str, str]


def rewritten(message: str, columns: Columns, rng: random.Random) -> str:
    """A record in a format drawn at random. message: its free text, or empty; columns: its other columns by name."""
    few = {name: value[:LONGEST_VALUE] for name, value in list(columns.items())[:MOST_COLUMNS]}
    return rng.choice(WRITERS)(message, few, rng)


def as_json(message: str, columns: Columns, rng: random.Random) -> str:
    """One JSON object, the message in front or at the end."""
    named = {rng.choice(MESSAGE_NAMES): message} if message else {}
    both = {**named, **columns} if rng.random() < 0.5 else {**columns, **named}
    spaced = rng.random() < 0.3
    text = orjson.dumps(both, option=orjson.OPT_INDENT_2 if spaced else None).decode()
    return " ".join(text.split()) if spaced else text


def as_logfmt(message: str, columns: Columns, rng: random.Random) -> str:
    """``key=value`` pairs, values with spaces quoted."""
    named = {rng.choice(MESSAGE_NAMES): message} if message else {}
    return " ".join(f"{name}={quoted(value)}" for name, value in {**named, **columns}.items())


def as_syslog(message: str, columns: Columns, rng: random.Random) -> str:
    """A line behind the header of a syslog daemon."""
    clock = ":".join(f"{rng.randint(0, most):02d}" for most in (23, 59, 59))
    time = f"{rng.choice(MONTHS)} {rng.randint(1, 28):2d} {clock}"
    program = rng.choice(PROGRAMS)
    pid = f"[{rng.randint(100, 40_000)}]" if rng.random() < 0.7 else ""
    return f"{time} {rng.choice(HOSTS)} {program}{pid}: {as_text(message, columns, rng)}"


def as_text(message: str, columns: Columns, rng: random.Random) -> str:
    """Free text: the message, then names and values of the columns as words."""
    sign = rng.choice((" ", ": ", "="))
    comma = rng.choice((", ", " ", "; "))
    pairs = comma.join(f"{name.rsplit('.', 1)[-1]}{sign}{value}" for name, value in columns.items())
    return f"{message}{comma}{pairs}" if message and pairs else message or pairs


def quoted(value: str) -> str:
    """A value as logfmt writes it."""
    plain = value and not any(sign in value for sign in ' "=')
    return value if plain else '"' + value.replace('"', '\\"') + '"'


WRITERS: tuple[Callable[[str, Columns, random.Random], str], ...] = (as_json, as_logfmt, as_syslog, as_text)
