from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest

from trainer.data import lsh, minhash
from trainer.data.lsh import EXACT, KEPT, NEAR, Deduplicator, KeptLines, SortedRuns, batches, hash_lines
from trainer.data.minhash import Sketcher, jaccard, parts, rows_of_a_band, shingle_sets
from trainer.settings import DedupSettings


@cache
def shingles(text, width=5):
    """The set of a text's shingles, by definition."""
    return {text[i : i + width] for i in range(max(len(text) - width, 0) + 1)}


def similarity(one, other, width=5):
    a, b = shingles(one, width), shingles(other, width)
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def variants(count, seed=3):
    """Lines around a few templates, from equal but for a character to half new."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefghij /=.:0123456789", k=rng.randint(3, 9))) for _ in range(400)]
    templates = [rng.choices(words, k=rng.randint(8, 40)) for _ in range(12)]
    lines = []
    for _ in range(count):
        line = list(rng.choice(templates))
        for _ in range(rng.randint(0, max(len(line) // 4, 1))):
            line[rng.randrange(len(line))] = rng.choice(words)
        lines.append(" ".join(line))
    return lines


def by_definition(lines, threshold, form=str):
    """What stays when each line is compared with all lines kept before it."""
    kept = []
    for row, line in enumerate(lines):
        if all(similarity(form(line), form(lines[other])) < threshold for other in kept):
            kept.append(row)
    return kept


def decide(lines, folder, settings, size=None):
    index = Deduplicator(settings, folder)
    size = size or len(lines)
    return np.concatenate([index.decide(lines[start : start + size]) for start in range(0, len(lines), size)])


@pytest.mark.parametrize("width", [1, 5, 12])
def test_similarity_is_that_of_the_sets_of_shingles(width):
    lines = [*variants(60), "a", "abcd", "abcde", "日本語のログ行です", "日本語のログ行だ", "a\ud800b"]
    sets = shingle_sets(lines, width)
    rows, others = (pairs.ravel() for pairs in np.indices((len(lines), len(lines))))
    expected = [similarity(lines[a], lines[b], width) for a, b in zip(rows, others, strict=True)]
    np.testing.assert_allclose(jaccard(sets[rows], sets[others]), expected, atol=1e-2 if width == 1 else 1e-9)


def test_signatures_estimate_the_similarity():
    lines = variants(300)
    sketches = Sketcher(DedupSettings(permutations=256)).sketch(lines)
    rows, others = np.triu_indices(len(lines), 1)
    estimates = np.mean(sketches.signatures[rows] == sketches.signatures[others], axis=1)
    errors = estimates - jaccard(sketches.sets[rows], sketches.sets[others])
    assert abs(errors.mean()) < 0.02
    assert errors.std() < 0.04


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("permutations", [64, 128, 256])
def test_a_pair_at_the_threshold_meets_in_a_band(threshold, permutations):
    rows = rows_of_a_band(threshold, permutations)
    assert 1 - (1 - threshold**rows) ** (permutations // rows) >= 0.99
    assert rows == permutations or 1 - (1 - threshold ** (rows + 1)) ** (permutations // (rows + 1)) < 0.99


def test_recall_and_precision_of_the_pairs_are_those_of_brute_force():
    lines = list(dict.fromkeys(variants(500)))
    sketcher = Sketcher(DedupSettings())
    sketches = sketcher.sketch(lines)
    rows, others = np.triu_indices(len(lines), 1)
    meet = (sketches.keys[rows] == sketches.keys[others]).any(axis=1)
    rows, others, _ = sketcher.close(sketches, rows[meet], sketches, others[meet])
    chosen = sketcher.similar(sketches, rows, sketches, others)
    found = set(zip(rows[chosen].tolist(), others[chosen].tolist(), strict=True))
    true = {
        (a, b)
        for a in range(len(lines))
        for b in range(a + 1, len(lines))
        if similarity(lines[a], lines[b]) >= 0.8
    }
    assert len(true) > 150
    assert len(found & true) / len(true) >= 0.95
    assert found <= true


def test_kept_lines_are_those_of_brute_force(tmp_path):
    lines = variants(900)
    expected = set(by_definition(lines, 0.8))
    kept = set(np.flatnonzero(decide(lines, tmp_path, DedupSettings()) == KEPT).tolist())
    assert 100 < len(expected) < 800
    assert len(kept & expected) / len(expected) >= 0.95
    assert len(kept & expected) / len(kept) >= 0.95


@pytest.mark.parametrize("size", [1, 7, 100])
def test_decisions_do_not_depend_on_how_lines_are_batched(tmp_path, size, monkeypatch):
    lines = variants(900)
    lines += lines[:50]
    expected = decide(lines, tmp_path, DedupSettings())
    monkeypatch.setattr(lsh, "PAIRS", 50)
    monkeypatch.setattr(minhash, "PAIR_ELEMENTS", 1_000)
    assert decide(lines, tmp_path, DedupSettings(), size).tolist() == expected.tolist()


def test_only_kept_lines_make_repeats(tmp_path):
    """A ~ B ~ C, A and C apart: B goes, so C stays; of a line like C, one goes."""
    a = "".join(chr(97 + i) for i in range(26)) * 1 + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    b, c, d = a[4:] + "!#$%", a[8:] + "!#$%&()*", a[8:] + "!#$%&()*+"
    assert similarity(a, b) >= 0.8 > similarity(a, c)
    assert similarity(b, c) >= 0.8
    assert decide([a, b, c, d, b, c], tmp_path, DedupSettings()).tolist() == [
        KEPT,
        NEAR,
        KEPT,
        NEAR,
        NEAR,
        EXACT,
    ]


def test_lines_of_one_template_are_repeats_in_the_template_form(tmp_path):
    lines = [
        f"session {i} of pid={i * 7919} opened from 0x{i * 99991:x} to {i:032x} by uid0" for i in range(40)
    ]
    lines.append("daemon restarted")
    fates = decide(lines, tmp_path, DedupSettings(form="template"))
    assert fates.tolist() == [KEPT] + [NEAR] * 39 + [KEPT]
    assert (decide(lines, tmp_path, DedupSettings(form="raw"))[:40] == KEPT).sum() > 3


def test_threshold_1_drops_only_lines_of_equal_shingles(tmp_path):
    lines = ["aaaaaaaa", "aaaaaaaaaa", "aaaaaaaab", "zz", "zz"]
    fates = decide(lines, tmp_path, DedupSettings(threshold=1))
    assert fates.tolist() == [KEPT, NEAR, KEPT, KEPT, EXACT]


def test_restored_lines_count_as_kept(tmp_path):
    lines = variants(600)
    expected = decide(lines, tmp_path, DedupSettings())
    index = Deduplicator(DedupSettings(), tmp_path)
    index.restore([line for line, fate in zip(lines[:400], expected, strict=False) if fate == KEPT])
    assert index.decide(lines[400:]).tolist() == expected[400:].tolist()


def test_sorted_runs_find_every_entry_once():
    rng = np.random.default_rng(5)
    runs, known = SortedRuns(), []
    for size in (1, 300, 2, 0, 50, 1_000, 7):
        keys = rng.integers(200, size=size, dtype=np.uint64)
        ids = np.arange(len(known), len(known) + size, dtype=np.uint32)
        runs.add(keys, ids)
        known += keys.tolist()
    asked = rng.integers(300, size=(40, 3), dtype=np.uint64)
    found = [pair for rows, ids in runs.find(asked) for pair in zip(rows.tolist(), ids.tolist(), strict=True)]
    expected = [
        (row, number)
        for row, own in enumerate(asked.tolist())
        for number, key in enumerate(known)
        if key in own
    ]
    assert found == expected
    assert runs.contains(asked[:, 0]).tolist() == np.isin(asked[:, 0], known).tolist()


def test_the_index_holds_as_many_bytes_a_kept_line_as_it_says(tmp_path):
    settings = DedupSettings()
    index, sketcher = KeptLines(settings.permutations, tmp_path), Sketcher(settings)
    lines = [f"{hash_lines([str(i)])[0]:x} " * 20 for i in range(4_000)]
    for some in batches(iter(lines)):
        index.add(sketcher.sketch(some))
    held = sum(keys.nbytes + ids.nbytes for keys, ids in index._runs._runs)
    assert (held + index.signatures.nbytes + 8 * index.count) / len(lines) < 400


def test_parts_cover_everything_in_order():
    sizes = np.random.default_rng(0).integers(50, size=200)
    slices = list(parts(sizes, 100))
    assert [row for part in slices for row in range(part.start, part.stop)] == list(range(200))
    assert max(sizes[part].sum() for part in slices) < 150
    assert list(parts(np.empty(0, dtype=np.int64), 100)) == []
