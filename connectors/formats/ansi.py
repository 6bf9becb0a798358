"""Escape sequences of terminals: colours, links, cursor moves."""

from __future__ import annotations

import re

ESCAPE = "\x1b"
_RSYSLOG = "#033["
"""How rsyslog writes an escape."""

_SEQUENCE = re.compile(
    r"(?:\x1b|#033)\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)"  # OSC: titles, links
    r"|\x1b[ -/]{0,2}[0-Z\\^-~]"  # the short ones
)


def without_escapes(text: str) -> str:
    """The text without ANSI escape sequences; what is no whole sequence stays."""
    return _SEQUENCE.sub("", text) if ESCAPE in text or ("#" in text and _RSYSLOG in text) else text
