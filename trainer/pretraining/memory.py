"""Keeping glibc's heap small: tensors of ever other shapes fragment it, by gigabytes in an hour."""

from __future__ import annotations

import ctypes

MMAP_THRESHOLD = -3
"""``M_MMAP_THRESHOLD`` of glibc's malloc.h."""
LARGE_BYTES = 1 << 20


def release_memory() -> None:
    """Gives freed memory back to the system."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def map_large_blocks() -> None:
    """Takes large blocks from the system one by one from now on, to which each returns as soon as it is freed.

    A tenth slower, and the difference between memory linear and quadratic in the length where attention goes block
    by block.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(MMAP_THRESHOLD, LARGE_BYTES)
