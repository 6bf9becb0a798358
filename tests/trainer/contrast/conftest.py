from __future__ import annotations

import json
from pathlib import Path

import pytest

PAIRS = [
    {"query": "A user could not sign in.", "event": "authentication failure for user alice", "source": "a"},
    {"query": "The firewall dropped a packet.", "event": "DROP IN=eth0 SRC=192.0.2.1", "source": "a"},
    {
        "query": "A file was removed from a folder.",
        "event": '{"action": "delete", "path": "/srv/x"}',
        "source": "b",
    },
    {"text": "An account was locked after many attempts.", "source": "b", "kind": "story"},
]


@pytest.fixture(scope="session")
def shards(lines_of, tmp_path_factory):
    """A shard of every system of the scenario."""
    from trainer.stages.shards import Shard, write_shard

    folder = tmp_path_factory.mktemp("shards")
    found = []
    for number, (system, lines) in enumerate(lines_of.items()):
        path = folder / f"{number}.jsonl.zst"
        write_shard(path, lines)
        found.append(Shard(system, f"domain{number % 3}", 1.0, path, len(lines), sum(map(len, lines))))
    return found


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return path


@pytest.fixture(scope="session")
def listed(shards, pairs_file):
    """Items of the shards and of the file of pairs."""
    from trainer.contrast.items import english_items, log_items

    logs = log_items(shards, seed=1)
    return [*logs, *english_items([pairs_file], len(logs), seed=1)]


@pytest.fixture(scope="session")
def wide(tokenizer):
    """The vocabulary with placeholders."""
    from trainer.contrast.placeholders import with_placeholders

    return with_placeholders(tokenizer)


@pytest.fixture(scope="session")
def items(listed, wide):
    from trainer.contrast.store import make_items

    return make_items(listed, wide, max_length=48)
