"""The version of this program. ``pyproject.toml`` has it, and nothing else does."""

from __future__ import annotations

from functools import cache

PRODUCT = "SecEncoder Streams"
PACKAGE = "secencoder-streams"
"""The distribution whose version it is."""
UNKNOWN = "0+unknown"
"""The version of files that no package manager put there."""


@cache
def version() -> str:
    """The version of the installed package, e.g. ``1.2.0``: of ``--version``, alerts, metrics and snapshots."""
    from importlib import metadata  # late: it takes as long to import as all else of a short command

    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return UNKNOWN
