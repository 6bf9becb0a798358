from __future__ import annotations

import json
import re

import numpy as np
import pytest
import safetensors.numpy

from connectors.version import version
from stream_processors.detection import counting, snapshot
from stream_processors.detection.snapshot import Kind, load, save, snapshot_metadata, unpacked

KIND = Kind("m@1#0", 64)


class Arrays:
    """A part that is its arrays."""

    def __init__(self, **arrays: np.ndarray) -> None:
        self.arrays = arrays

    def state(self) -> dict[str, np.ndarray]:
        return self.arrays

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.arrays = {name: state[name] for name in self.arrays}


def parts() -> dict[str, Arrays]:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    return {
        "forest": Arrays(rows=rows, turned=rows.T),
        "counts": Arrays(json=np.frombuffer(b"{}", dtype=np.uint8)),
    }


def refusal(saved: bytes, kind: Kind = KIND, into: dict[str, Arrays] | None = None) -> str:
    with pytest.raises(ValueError) as caught:
        load(saved, into or parts(), kind)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_part_gets_its_own_arrays_back():
    found = {"counts": Arrays(json=np.zeros(1)), "forest": Arrays(rows=np.zeros(1), turned=np.zeros(1))}
    assert load(save(parts(), KIND, 1_234), found, KIND) == 1_234
    for name, part in parts().items():
        for key, array in part.arrays.items():
            np.testing.assert_array_equal(found[name].arrays[key], array)
            assert found[name].arrays[key].dtype == array.dtype


def test_it_is_compressed_safetensors_with_its_kind_and_offset_in_the_header():
    saved = save(parts(), KIND, 7)
    plain = unpacked(saved)
    assert set(safetensors.numpy.load(plain)) == {"forest.rows", "forest.turned", "counts.json"}
    expected = {
        "version": str(snapshot.STATE_VERSION),
        "model": "m@1#0",
        "dim": "64",
        "scope": "",
        "offset": "7",
        "program": version(),
        "strides": '{"forest.rows": 4, "forest.turned": 4}',
    }
    assert snapshot_metadata(saved) == expected


def test_one_that_was_not_compressed_is_read_as_well():
    """As older versions kept it."""
    tensors = {
        f"{name}.{key}": np.ascontiguousarray(a) for name, p in parts().items() for key, a in p.arrays.items()
    }
    saved, found = safetensors.numpy.save(tensors, metadata=KIND.header() | {"offset": "9"}), parts()
    found["forest"].arrays["rows"] = np.zeros(1)
    assert load(saved, found, KIND) == 9
    np.testing.assert_array_equal(found["forest"].arrays["rows"], parts()["forest"].arrays["rows"])


def test_a_table_of_counts_takes_less_than_its_bytes():
    """Keys are hashes, but lines and counts are small numbers: what is alike is put together."""
    random = np.random.default_rng(7)
    entries = np.zeros(20_000, dtype=counting.ENTRY)
    entries["key"] = random.integers(1, 1 << 63, len(entries), dtype=np.uint64)
    entries["seen"], entries["line"] = random.integers(0, 50_000, (2, len(entries)))
    entries["count"] = 1 + random.integers(0, 3, len(entries))
    table = {"kind": Arrays(entries=np.frombuffer(entries.tobytes(), dtype=np.uint8))}
    saved, found = save(table, KIND, 7), {"kind": Arrays(entries=np.zeros(1))}
    assert load(saved, found, KIND) == 7
    assert found["kind"].arrays["entries"].tobytes() == entries.tobytes()
    assert len(saved) < 0.6 * entries.nbytes
    assert json.loads(snapshot_metadata(saved)["strides"]) == {"kind.entries": counting.ENTRY.itemsize}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Kind("m@1#1", 64), "model 'm@1#0', expected 'm@1#1'"),
        (Kind("m@1#0", 32), "dim '64', expected '32'"),
        (Kind("m@1#0", 64, "source"), "scope '', expected 'source'"),
    ],
)
def test_one_of_another_model_dimension_or_scope_is_refused(kind, reason):
    assert refusal(save(parts(), KIND, 7), kind) == f"detector state has {reason}"


def test_one_of_another_version_is_refused(monkeypatch):
    saved = save(parts(), KIND, 7)
    monkeypatch.setattr(snapshot, "STATE_VERSION", snapshot.STATE_VERSION + 1)
    assert re.search(
        rf"version '\d+' \(made by version {re.escape(version())}\), expected '\d+'", refusal(saved)
    )


@pytest.mark.parametrize("name", ["forest", "counts"])
def test_a_part_that_is_missing_or_unknown_is_no_state_of_ours(name):
    fewer = {key: part for key, part in parts().items() if key != name}
    assert "not a detector state" in refusal(save(fewer, KIND, 7))
    assert "not a detector state" in refusal(save(parts(), KIND, 7), into=fewer)


def test_a_part_that_refuses_its_arrays_refuses_the_snapshot():
    class Refusing(Arrays):
        def restore(self, state: dict[str, np.ndarray]) -> None:
            raise ValueError("rows of another width\nand more")

    refusing = parts() | {"forest": Refusing()}
    assert refusal(save(parts(), KIND, 7), into=refusing) == "not a detector state: rows of another width"


@pytest.mark.parametrize("saved", [b"", b"{}", b"\x00" * 100, b"\xff" * 9, b"\x02" + bytes(7) + b"[]"])
def test_bytes_that_are_something_else_are_refused(saved):
    assert "not a detector state" in refusal(saved)
