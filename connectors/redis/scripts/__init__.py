"""The Lua scripts of this folder: each is one step of the server, all or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple


class Script(NamedTuple):
    """A Lua script and the name under which a server that ran it once knows it."""

    text: str
    sha: str


def read_script(*names: str) -> Script:
    """A script of this folder: its parts in their order."""
    text = "".join((Path(__file__).parent / f"{name}.lua").read_text() for name in names)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


APPLY = read_script("undo", "days", "templates", "lessons", "alerts", "apply")
BEGIN, RESTART, CLAIM, STORED = map(read_script, ("begin", "restart", "claim", "stored"))
MARK, ACKNOWLEDGE = map(read_script, ("mark", "acknowledge"))
