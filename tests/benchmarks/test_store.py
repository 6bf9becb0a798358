from __future__ import annotations

import csv

from benchmarks.store import RESULTS, SAID, kinds_of, page, updated, wire_bytes
from tests.test_docs import ROOT


def test_the_page_is_made_of_the_figures():
    with RESULTS.open(newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    text = (ROOT / "docs/redis.md").read_text()
    assert updated(text, page(rows)) == text, "run: python -m benchmarks.store --write docs/redis.md"


def test_every_byte_of_a_step_is_of_one_kind():
    args = [
        "0",
        4_000,
        3,
        "SOURCE",
        "",
        0,
        2,
        "KNOWN",
        b"packed",
        3,
        "HSET",
        "se:x:{logs}:window:60:0:7",
        "count",
    ]
    found = kinds_of(args)
    assert found[SAID["KNOWN"]] == sum(map(wire_bytes, args[6:9]))
    assert found[SAID["window"]] == sum(map(wire_bytes, args[9:]))
    assert sum(found.values()) == sum(map(wire_bytes, args))
