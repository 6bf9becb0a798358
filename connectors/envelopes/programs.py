"""Lines of syslog whose program a shipper took out of the header."""

from __future__ import annotations

LONGEST_PID = 64


def without_header(line: str, program: str) -> str:
    """The line without the ``program[pid]: `` that some daemons write once more in front of their message."""
    if not line.startswith(program) or not program:
        return line
    end = len(program)
    if line[end : end + 1] == "[":
        end = line.find("]", end, end + LONGEST_PID) + 1
    return line[end + 1 :].lstrip() if end and line[end : end + 1] == ":" else line
