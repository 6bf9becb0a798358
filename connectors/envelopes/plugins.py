"""Envelopes of a user's own: entry points of the group ``secencoder.envelopes``.

An entry point names a class that derives from ObjectEnvelope, TextEnvelope or BytesEnvelope of
``connectors.envelopes.envelope`` and can be made without arguments. It is asked before the built-in ones::

    [project.entry-points."secencoder.envelopes"]
    acme = "acme_logs:AcmeEnvelope"
"""

from __future__ import annotations

import difflib
import inspect
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from connectors.envelopes import registry
from connectors.envelopes.envelope import BytesEnvelope, ObjectEnvelope, TextEnvelope

GROUP = "secencoder.envelopes"
AUTO, NONE = "auto", "none"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class PluginError(ValueError):
    """A plug-in can't be used; the message is one line that names its distribution."""


class Envelopes(NamedTuple):
    """All envelopes that a reader may ask, in the order in which it asks them."""

    objects: tuple[ObjectEnvelope, ...]
    texts: tuple[TextEnvelope, ...]
    bytes: tuple[BytesEnvelope, ...]

    def names(self) -> list[str]:
        """Their names, sorted, each once."""
        return sorted({envelope.name for kind in self for envelope in kind})


@cache
def envelopes() -> Envelopes:
    """The installed plug-ins and the built-in envelopes, found once in a process. Raises PluginError."""
    built_in = Envelopes(registry.OBJECTS, registry.TEXTS, registry.BYTES)
    origins = dict.fromkeys([*built_in.names(), AUTO, NONE], "secencoder-streams")
    own: list[Any] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        envelope = _made(entry)
        if envelope.name in origins:
            raise PluginError(
                f"{_where(entry)}: {origins[envelope.name]} has an envelope {envelope.name} too"
            )
        origins[envelope.name] = _where(entry)
        own.append(envelope)
    return Envelopes(
        tuple(e for e in own if isinstance_of(e, ObjectEnvelope)) + built_in.objects,
        tuple(e for e in own if isinstance_of(e, TextEnvelope)) + built_in.texts,
        tuple(e for e in own if isinstance_of(e, BytesEnvelope)) + built_in.bytes,
    )


def known_envelopes() -> list[str]:
    """Every value that ``stream.envelope`` takes. Raises PluginError for a broken plug-in."""
    return [AUTO, NONE, *envelopes().names()]


def checked_envelope(name: str) -> str:
    """The name, if there is such an envelope. Raises ValueError, which names the nearest known ones."""
    if name in (AUTO, NONE):
        return name
    known = known_envelopes()
    if name in known:
        return name
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
    raise ValueError(f"there is no envelope {name[:64]!r}; {hint}")


def isinstance_of(envelope: Any, kind: type) -> bool:
    """Whether an envelope's class derives from a kind of envelope by name, which a protocol does not ask for."""
    return kind in type(envelope).__mro__


def _made(entry: EntryPoint) -> Any:
    """A plug-in's envelope. Raises PluginError."""
    try:
        found = entry.load()
        envelope = found() if inspect.isclass(found) else found
    except Exception as error:  # whatever a stranger's module does when it is imported
        reason = " ".join(str(error).split())[:200]
        raise PluginError(f"{_where(entry)} can't be loaded: {type(error).__name__}: {reason}") from error
    kinds = [kind for kind in (ObjectEnvelope, TextEnvelope, BytesEnvelope) if isinstance_of(envelope, kind)]
    if len(kinds) != 1:
        raise PluginError(
            f"{_where(entry)} is no envelope: its class must derive from one of ObjectEnvelope, TextEnvelope and "
            "BytesEnvelope of connectors.envelopes.envelope"
        )
    missing = [
        method
        for method in ("unwrap", *(("matches",) if kinds[0] is ObjectEnvelope else ()))
        if getattr(type(envelope), method) is getattr(kinds[0], method)
    ]
    if missing:
        raise PluginError(f"{_where(entry)} is no envelope: it has no {' and no '.join(missing)}")
    name = getattr(envelope, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(
            f"{_where(entry)} needs a name of small letters, digits, _ and -, it has {str(name)[:64]!r}"
        )
    return envelope


def _where(entry: EntryPoint) -> str:
    distribution = entry.dist.name if entry.dist is not None else "unknown"
    return f"envelope plug-in {entry.name} ({entry.value}) of the distribution {distribution}"
