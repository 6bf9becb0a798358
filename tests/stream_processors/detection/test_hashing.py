from __future__ import annotations

import numpy as np

from stream_processors.detection.hashing import hash_texts, joint


def test_hashes_are_the_same_on_every_machine_and_in_every_version():
    assert hash_texts(["", "a", "root", "r\u00f6ot", "\ud800"]).tolist() == [
        17280346270528514342,
        9413272369427828315,
        15931954642837195814,
        10405149387937251138,
        3247263137740927865,
    ]


def test_many_texts_have_as_many_hashes():
    found = hash_texts([str(n) for n in range(100_000)])
    assert len(np.unique(found)) == 100_000
    assert len(np.unique(found & np.uint64(0xFFFF))) > 50_000, "also in their last bits alone"


def test_a_pair_is_hashed_in_its_order():
    assert joint(np.uint64(1), np.uint64(2)) != joint(np.uint64(2), np.uint64(1))
