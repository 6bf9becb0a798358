"""The rules as machine code: numba compiles the functions that ``plain`` runs, once, and keeps them on disk.

Every function of the rules is compiled as it stands, with the tables as arrays. Only the outermost function is cached;
what it holds of the rules is part of its closure, so that a cache of other rules is never taken.
"""

from __future__ import annotations

import sys
import zlib
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from connectors.kernels import kernel, part
from encoder_core.templates import bytewise, context, places, plain, rules, scan, shapes, times, words

Octets = NDArray[np.uint8]
Places = NDArray[np.int64]

LONGEST_PLACEHOLDER = 36
"""Bytes of a placeholder with its brackets, and a space."""
_MODULES = (bytewise, times, shapes, places, context, words, scan)
"""Those whose functions are compiled, each after those that it calls."""
_FIRST, _SECOND, _THIRD, _FOURTH = (np.uint64(factor) for factor in plain.FACTORS)


def _compiled_functions() -> dict[str, Any]:
    """Every function of the rules, compiled on its first use, by name."""
    functions: dict[str, Any] = {}
    for module in _MODULES:
        names = {**vars(module)}
        for name, value in vars(module).items():
            if isinstance(value, tuple) and value and all(isinstance(entry, int) for entry in value):
                names[name] = np.array(value, dtype=np.int64)
            elif name in functions:
                names[name] = functions[name]
        for name, value in vars(module).items():
            if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                names[name] = functions[name] = part(_with_names(value, names))
    return functions


def _with_names(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    """The same function, which finds these names where it found those of its module."""
    return FunctionType(function.__code__, names, function.__name__)


def _fingerprint(modules: tuple[ModuleType, ...]) -> int:
    """A number that differs if a function or a table of the modules does; the same in every process."""
    seen: list[Any] = [sys.version, numba.__version__]
    for module in modules:
        for name, value in sorted(vars(module).items()):
            if isinstance(value, FunctionType):
                code = value.__code__
                consts = [const for const in code.co_consts if not isinstance(const, CodeType)]
                seen.append((name, code.co_code, consts, code.co_names))
            elif isinstance(value, (int, bytes, tuple)) and not name.startswith("__"):
                seen.append((name, value))
    return zlib.crc32(repr(seen).encode())


_functions = _compiled_functions()
_scan, _has_class = _functions["scan"], _functions["has_class"]
_SPACE = rules.SPACE
_29, _32 = np.uint64(29), np.uint64(32)


@part
def _put(out: NDArray[np.uint8], length: int, byte: int, pending: bool) -> int:
    """Append a byte, after a space if one is pending and something stands before; the new length."""
    if pending and length > 0:
        out[length] = 32
        length += 1
    out[length] = byte
    return length + 1


@part
def _rendered(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    kinds: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    first: int,
    count: int,
    names: NDArray[np.uint8],
    name_starts: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> int:
    """Write the template of the line [begin, end) to ``out``, as ``plain.render`` does; its length."""
    length, place, pending = 0, begin, False
    for i in range(first, count + 1):
        stop = begins[i] if i < count else end
        while place < stop:
            if _has_class(data, place, stop, _SPACE):
                pending = True
                place += 1
                continue
            length = _put(out, length, data[place], pending)
            pending = False
            place += 1
            while place < stop and not _has_class(data, place, stop, _SPACE):
                out[length] = data[place]
                length += 1
                place += 1
        if i < count:
            for at in range(name_starts[kinds[i]], name_starts[kinds[i] + 1]):
                length = _put(out, length, names[at], pending)
                pending = False
            place = ends[i]
    return length


@part
def _hashed(words: NDArray[np.uint64], out: NDArray[np.uint8], length: int, salt: np.uint64) -> np.uint64:
    """``plain.hashed`` of the first ``length`` bytes of ``out``, whose eights are ``words``."""
    stop = (length + 7) // 8
    for place in range(length, stop * 8):
        out[place] = 0
    state = salt ^ np.uint64(length + 1) * _FIRST
    for i in range(stop):
        word = words[i] * _SECOND
        state = (state ^ word ^ word >> _32) * _THIRD
        state ^= state >> _29
    state = (state ^ state >> _32) * _FOURTH
    state = (state ^ state >> _29) * _SECOND
    return state ^ state >> _32


def _kernels(fingerprint: int) -> tuple[Any, Any]:
    """The outermost functions. The assertions keep the fingerprint in their closures, and so in the caches' keys."""

    @kernel
    def scan_lines(
        data: Octets,
        line_begins: Places,
        line_ends: Places,
        fixed: bool,
        line: int,
        starts: Places,
        kinds: Octets,
        begins: Places,
        ends: Places,
    ) -> int:
        """Write the values of lines from ``line`` on, as long as there is room; the first line not done."""
        assert fingerprint >= 0
        count = starts[line]
        while line < len(line_begins):
            begin, end = line_begins[line], line_ends[line]
            if count + end - begin + 1 > len(kinds):
                break
            count = _scan(data, begin, end, fixed, kinds, begins, ends, count)
            line += 1
            starts[line] = count
        return line

    @kernel
    def hash_lines(
        data: Octets,
        line_begins: Places,
        line_ends: Places,
        starts: Places,
        kinds: Octets,
        begins: Places,
        ends: Places,
        names: Octets,
        name_starts: Places,
        salt: np.uint64,
        words: NDArray[np.uint64],
        out: Octets,
        ids: NDArray[np.uint64],
    ) -> None:
        """Write the ids of lines. words, out: the same memory, with room for the longest template."""
        assert fingerprint >= 0
        for line in range(len(line_begins)):
            begin, end, first, count = line_begins[line], line_ends[line], starts[line], starts[line + 1]
            length = _rendered(data, begin, end, kinds, begins, ends, first, count, names, name_starts, out)
            ids[line] = _hashed(words, out, length, salt)

    return scan_lines, hash_lines


KERNELS = _kernels(_fingerprint((rules, *_MODULES, plain)))
"""What is cached on disk."""
_scan_lines, _hash_lines = KERNELS


def values_of(
    data: Octets, line_begins: Places, line_ends: Places, fixed: bool
) -> tuple[Places, Octets, Places, Places]:
    """The values of lines: where each line's begin (lines + 1,), their types, begins and ends (values,).

    data: read-only. fixed: as for ``scan.scan``.
    """
    lines = len(line_begins)
    starts = np.zeros(lines + 1, dtype=np.int64)
    room, line = 4 * lines + 1024, 0
    kinds, begins, ends = np.empty(room, np.uint8), np.empty(room, np.int64), np.empty(room, np.int64)
    while True:
        line = _scan_lines(data, line_begins, line_ends, fixed, line, starts, kinds, begins, ends)
        count = int(starts[line])
        if line == lines:
            return starts, kinds[:count].copy(), begins[:count].copy(), ends[:count].copy()
        more = len(kinds) + int(line_ends[line] - line_begins[line]) + 1
        kinds, begins, ends = (
            np.concatenate([a[:count], np.empty(more, a.dtype)]) for a in (kinds, begins, ends)
        )


def ids_of(
    data: Octets,
    line_begins: Places,
    line_ends: Places,
    values: tuple[Places, Octets, Places, Places],
    names: Octets,
    name_starts: Places,
    salt: int,
) -> NDArray[np.uint64]:
    """The ids of lines, uint64 (lines,).

    names: the placeholders by type, joined; name_starts: where each begins (types + 1,).
    """
    starts, kinds, begins, ends = values
    ids = np.empty(len(line_begins), dtype=np.uint64)
    if len(ids):
        room = int((line_ends - line_begins + np.diff(starts) * LONGEST_PLACEHOLDER).max())
        words = np.empty(room // 8 + 2, dtype=np.uint64)
        scratch = words.view(np.uint8)
        _hash_lines(
            *(data, line_begins, line_ends, starts, kinds, begins, ends, names, name_starts),
            *(np.uint64(salt), words, scratch, ids),
        )
    return ids
