"""The running system: the Faust app, detection, patterns, windows and the queries over their answers.

``from stream_processors import Detector`` is the same detection for streams of one's own (``docs/library.md``).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream_processors.detector import Detector
    from stream_processors.pool import DetectorPool
    from stream_processors.results import Failure, Late, Result, Results

__all__ = ["Detector", "DetectorPool", "Failure", "Late", "Result", "Results"]
HOMES = {"Detector": "detector", "DetectorPool": "pool"}


def __getattr__(name: str) -> Any:
    """What is asked for, from the module that has it: commands that need no detection wait for no compiler."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stream_processors.operations.compiling import choose_folder

    choose_folder()  # before anything imports numba
    return getattr(import_module(f"{__name__}.{HOMES.get(name, 'results')}"), name)
