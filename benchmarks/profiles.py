"""Where ONNX Runtime spends its time in a graph, by type of operator."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.stock import Ids, open_graph

RUNS = 10
LEAST_SHARE = 0.01
AROUND = {"If", "Loop"}
"""Operators whose time is that of the nodes inside, which are counted themselves."""


def operator_shares(graph: Path, ids: Ids, threads: int, folder: Path) -> dict[str, float]:
    """Share of the nodes' time by operator type, largest first."""
    session = open_graph(graph, threads, profile=folder / "profile")
    for _ in range(RUNS):
        session.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    times: Counter[str] = Counter()
    for event in json.loads(Path(session.end_profiling()).read_bytes()):
        if event.get("cat") != "Node" or not event["name"].endswith("_kernel_time"):
            continue
        if (operator := event["args"]["op_name"]) not in AROUND:
            times[operator] += event["dur"]
    return {name: time / times.total() for name, time in times.most_common()}


def profile_rows(shares: dict[int, dict[str, float]]) -> list[list[str]]:
    """One row an operator type, one column a length; what is small everywhere is summed up."""
    names = sorted(
        {n for found in shares.values() for n in found},
        key=lambda n: -sum(s.get(n, 0) for s in shares.values()),
    )
    shown = [name for name in names if any(found.get(name, 0) >= LEAST_SHARE for found in shares.values())]
    rows = [[name, *(f"{found.get(name, 0):.1%}" for found in shares.values())] for name in shown]
    rest = [1 - sum(found.get(name, 0) for name in shown) for found in shares.values()]
    return [*rows, ["others", *(f"{share:.1%}" for share in rest)]]
