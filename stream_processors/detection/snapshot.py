"""A partition's memory as bytes: the states of named parts in one safetensors file, never a pickle.

A tensor is named ``part.array``; the header says which version, model and dimension it is of, of which offset, and
which version of the program made it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from connectors.version import version

STATE_VERSION = 4
"""Of the parts and what they mean; a snapshot of another one is not taken up."""


class Part(Protocol):
    """One thing that a partition remembers."""

    def state(self) -> dict[str, NDArray]:
        """Its arrays by name."""

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up saved arrays. Raises KeyError or ValueError when they are not its own."""


class Slot:
    """Bytes that are kept beside what detection remembers, whatever they are."""

    def __init__(self) -> None:
        self.value = b""

    def state(self) -> dict[str, NDArray[np.uint8]]:
        """The bytes."""
        return {"bytes": np.frombuffer(self.value, dtype=np.uint8)}

    def restore(self, state: dict[str, NDArray[np.uint8]]) -> None:
        """Takes up saved bytes."""
        self.value = state["bytes"].tobytes()


@dataclass(frozen=True, slots=True)
class Kind:
    """What must agree for a snapshot to be usable."""

    model: str
    dim: int
    scope: str = ""
    """What it is the memory of."""

    def header(self) -> dict[str, str]:
        """As a snapshot's header has it."""
        return {"version": str(STATE_VERSION), "model": self.model, "dim": str(self.dim), "scope": self.scope}


def save(parts: Mapping[str, Part], kind: Kind, offset: int) -> bytes:
    """The parts at ``offset``, the one after the last line they have seen."""
    tensors = {
        f"{name}.{key}": np.ascontiguousarray(array)
        for name, part in parts.items()
        for key, array in part.state().items()
    }
    return safetensors.numpy.save(
        tensors, metadata=kind.header() | {"offset": str(offset), "program": version()}
    )


def load(snapshot: bytes, parts: Mapping[str, Part], kind: Kind) -> int:
    """Restores the parts and returns the snapshot's offset.

    Raises ValueError, in one line, for another version, model or dimension, and for bytes that are no snapshot; parts
    may then be half restored.
    """
    header = snapshot_metadata(snapshot)
    for name, expected in kind.header().items():
        if header.get(name) != expected:
            by = (
                f" (made by version {header['program']})" if name == "version" and "program" in header else ""
            )
            raise ValueError(f"detector state has {name} {header.get(name)!r}{by}, expected {expected!r}")
    try:
        states: dict[str, dict[str, NDArray]] = {name: {} for name in parts}
        for name, array in safetensors.numpy.load(snapshot).items():
            part, _, key = name.partition(".")
            states[part][key] = array
        for name, part_ in parts.items():
            part_.restore(states[name])
        return int(header["offset"])
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"not a detector state: {str(error).splitlines()[0]}") from error


def snapshot_metadata(snapshot: bytes) -> dict[str, str]:
    """The header's metadata of safetensors bytes; ValueError when they are not."""
    try:
        size = int.from_bytes(snapshot[:8], "little")
        return dict(json.loads(snapshot[8 : 8 + size])["__metadata__"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a detector state: {error}") from error
