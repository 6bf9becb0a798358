"""A partition's memory as bytes: the states of named parts in one safetensors file, never a pickle.

A tensor is named ``part.array``; the header says which version, model and dimension it is of, of which offset, and
which version of the program made it. All is compressed with Zstandard, each tensor's bytes put column by column first
(``stride_of``): less than half the size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import cramjam
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from connectors.version import version

STATE_VERSION = 4
"""Of the parts and what they mean; a snapshot of another one is not taken up."""

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LEVEL = 1
"""Of Zstandard: higher ones take longer than they save."""
STRIDES = (16, 24, 32, 40, 48, 56, 64)
"""Sizes of records that are tried."""
TRIED_BYTES = 16_384
"""Of a tensor, to find out the size of its records."""


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
    tensors, strides = {}, {}
    for name, part in parts.items():
        for key, array in part.state().items():
            stride = stride_of(array)
            if stride > 1:
                strides[f"{name}.{key}"] = stride
            tensors[f"{name}.{key}"] = by_column(np.ascontiguousarray(array), stride)
    metadata = kind.header() | {"offset": str(offset), "program": version(), "strides": json.dumps(strides)}
    return bytes(cramjam.zstd.compress(safetensors.numpy.save(tensors, metadata=metadata), level=LEVEL))


def stride_of(array: NDArray) -> int:
    """The size of an array's records in bytes: of plain bytes, the one with which a piece of them compresses best."""
    if array.dtype != np.uint8:
        return array.itemsize
    if array.size < TRIED_BYTES:
        return 1
    piece = array.reshape(-1)[:TRIED_BYTES]
    sizes = {1: len(cramjam.zstd.compress(piece.tobytes(), level=LEVEL))}
    for stride in STRIDES:
        if array.size % stride == 0:
            records = piece[: len(piece) // stride * stride]
            sizes[stride] = len(cramjam.zstd.compress(by_column(records, stride).tobytes(), level=LEVEL))
    return min(sizes, key=sizes.__getitem__)


def by_column(array: NDArray, stride: int) -> NDArray:
    """The first bytes of all records, then the second ones, and so on, in an array of the same shape and type."""
    if stride == 1:
        return array
    columns = np.ascontiguousarray(array.reshape(-1).view(np.uint8).reshape(-1, stride).T)
    return columns.reshape(-1).view(array.dtype).reshape(array.shape)


def by_record(array: NDArray, stride: int) -> NDArray:
    """The inverse of ``by_column``. Raises ValueError where it can't be."""
    if stride == 1:
        return array
    records = np.ascontiguousarray(array.reshape(-1).view(np.uint8).reshape(stride, -1).T)
    return records.reshape(-1).view(array.dtype).reshape(array.shape)


def unpacked(snapshot: bytes) -> bytes:
    """What was compressed; older versions did not compress. Raises ValueError for what is broken."""
    if not snapshot.startswith(ZSTD_MAGIC):
        return snapshot
    try:
        return bytes(cramjam.zstd.decompress(snapshot))
    except cramjam.DecompressionError as error:
        raise ValueError(f"not a detector state: {error}") from error


def load(snapshot: bytes, parts: Mapping[str, Part], kind: Kind) -> int:
    """Restores the parts and returns the snapshot's offset.

    Raises ValueError, in one line, for another version, model or dimension, and for bytes that are no snapshot; parts
    may then be half restored.
    """
    snapshot = unpacked(snapshot)
    header = snapshot_metadata(snapshot)
    for name, expected in kind.header().items():
        if header.get(name) != expected:
            by = (
                f" (made by version {header['program']})" if name == "version" and "program" in header else ""
            )
            raise ValueError(f"detector state has {name} {header.get(name)!r}{by}, expected {expected!r}")
    try:
        states: dict[str, dict[str, NDArray]] = {name: {} for name in parts}
        strides = json.loads(header.get("strides", "{}"))
        for name, array in safetensors.numpy.load(snapshot).items():
            part, _, key = name.partition(".")
            states[part][key] = by_record(array, int(strides.get(name, 1)))
        for name, part_ in parts.items():
            part_.restore(states[name])
        return int(header["offset"])
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a detector state: {str(error).splitlines()[0]}") from error


def snapshot_metadata(snapshot: bytes) -> dict[str, str]:
    """The header's metadata of a snapshot; ValueError when it is none."""
    snapshot = unpacked(snapshot)
    try:
        size = int.from_bytes(snapshot[:8], "little")
        return dict(json.loads(snapshot[8 : 8 + size])["__metadata__"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a detector state: {error}") from error
