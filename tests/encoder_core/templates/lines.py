"""Invented lines of every format, and the ids of their templates."""

from __future__ import annotations

import json
from pathlib import Path

STORED: list[tuple[str, str]] = [
    tuple(json.loads(row)) for row in Path(__file__).with_name("lines.jsonl").read_text("utf-8").splitlines()
]
"""Id and line, in the order of the file."""
LINES = [line for _, line in STORED]
