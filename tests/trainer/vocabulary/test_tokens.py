from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.stages.shards import Shard, write_shard
from trainer.vocabulary import tokens as module
from trainer.vocabulary.tokenizer import train_tokenizer
from trainer.vocabulary.tokens import TokenLines, TokenSource, encode_lines, encode_shards

FILES = ("ids.bin", "starts.bin", "sources.json")


@pytest.fixture
def shards(tmp_path, lines):
    made = []
    for name, some, weight in (
        ("a", lines[:300], 1.0),
        ("b", lines[300:350], 3.0),
        ("c", lines[350:500], 0.5),
    ):
        path = tmp_path / f"{name}.jsonl.zst"
        write_shard(path, some)
        made.append(Shard(name, f"domain {name}", weight, path, len(some), sum(map(len, some))))
    return made


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tokens").mkdir()
    return tmp_path / "tokens"


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 3_000)


class CountingTokenizer:
    """Encodes like another, says how many lines it was given, and breaks down after ``last`` of them."""

    def __init__(self, tokenizer, last=10**9):
        self._tokenizer, self._last, self.batches = tokenizer, last, []

    def __getattr__(self, name):
        return getattr(self._tokenizer, name)

    def encode_batch_fast(self, batch, **options):
        if sum(map(len, self.batches)) >= self._last:
            raise KeyboardInterrupt
        self.batches.append(batch)
        return self._tokenizer.encode_batch_fast(batch, **options)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def numbered(lengths, *, sources=()):
    """Lines whose every token is the line's own number."""
    ids = np.repeat(np.arange(len(lengths)), lengths).astype(np.uint16)
    return TokenLines(ids, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), tuple(sources))


def test_encoded_lines_are_what_the_tokenizer_says_without_special_tokens(tokenizer, lines, small_chunks):
    tokens = encode_lines(tokenizer, lines[:500])
    assert len(tokens) == 500
    assert (tokens.ids.dtype, tokens.starts.dtype) == (np.uint16, np.int64)
    for index, line in enumerate(lines[:500]):
        expected = tokenizer.encode(line, add_special_tokens=False).ids
        assert tokens.ids[tokens.starts[index] : tokens.starts[index + 1]].tolist() == expected
        assert tokens.lengths()[index] == len(expected)


def test_no_lines_are_no_tokens(tokenizer):
    assert len(encode_lines(tokenizer, [])) == 0
    assert encode_lines(tokenizer, []).draw(100, power=0.5, seed=1, epoch=0).tolist() == []


def test_a_vocabulary_beyond_16_bits_is_refused():
    with pytest.raises(ValueError, match="70000"):
        encode_lines(SimpleNamespace(get_vocab_size=lambda: 70_000), ["x"])


def test_a_line_is_cut_at_the_limit(tokenizer, monkeypatch):
    monkeypatch.setattr(module, "LINE_LIMIT", 40)
    tokens = encode_lines(tokenizer, ["sshd[812]: Failed password for root " * 9])
    assert tokenizer.decode(tokens.ids.tolist()) == ("sshd[812]: Failed password for root " * 9)[:40]


def test_shards_on_disk_are_the_same_tokens_with_their_sources(
    shards, tokenizer, lines, folder, small_chunks
):
    counts = encode_shards(shards, tokenizer, folder)
    mapped, expected = TokenLines.open(folder), encode_lines(tokenizer, lines[:500])
    assert counts == {"sources": 3, "lines": 500, "tokens": len(expected.ids)}
    assert np.array_equal(mapped.ids, expected.ids)
    assert np.array_equal(mapped.starts, expected.starts)
    assert mapped.sources == (
        TokenSource("a", "domain a", 1.0, 0, 300),
        TokenSource("b", "domain b", 3.0, 300, 350),
        TokenSource("c", "domain c", 0.5, 350, 500),
    )
    with pytest.raises(ValueError, match="read-only"):
        mapped.ids[0] = 1


def test_lines_are_encoded_a_chunk_at_a_time(shards, tokenizer, folder, small_chunks):
    counting = CountingTokenizer(tokenizer)
    encode_shards(shards, counting, folder)
    assert sum(map(len, counting.batches)) == 500
    for batch in counting.batches:
        assert sum(map(len, batch[:-1])) < module.CHUNK


@pytest.mark.parametrize("last", [0, 1, 299, 300, 301, 330, 350, 499])
def test_an_interrupted_encoding_goes_on_after_the_last_whole_source(
    shards, tokenizer, folder, monkeypatch, last
):
    monkeypatch.setattr(module, "CHUNK", 1)
    encode_shards(shards, tokenizer, folder)
    expected = contents(folder)
    for name in FILES:
        (folder / name).unlink()
    with pytest.raises(KeyboardInterrupt):
        encode_shards(shards, CountingTokenizer(tokenizer, last), folder)
    with pytest.raises(ValueError, match="belong there"):
        TokenLines.open(folder)
    second = CountingTokenizer(tokenizer)
    encode_shards(shards, second, folder)
    assert contents(folder) == expected
    assert len(second.batches) == 500 - max(end for end in (0, 300, 350) if end <= last)


def test_what_another_tokenizer_left_is_made_anew(shards, tokenizer, lines, folder):
    with pytest.raises(KeyboardInterrupt):
        encode_shards(shards, CountingTokenizer(train_tokenizer(lines[:50], 400), last=300), folder)
    encode_shards(shards, tokenizer, folder)
    assert np.array_equal(TokenLines.open(folder).ids, encode_lines(tokenizer, lines[:500]).ids)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_made_anew(shards, tokenizer, folder, name):
    encode_shards(shards, tokenizer, folder)
    expected = contents(folder)
    (folder / name).write_bytes(b"{")
    encode_shards(shards, tokenizer, folder)
    assert contents(folder) == expected


def test_a_shard_with_other_lines_than_listed_is_an_error_that_names_it(shards, tokenizer, folder):
    write_shard(shards[1].path, ["one line"])
    with pytest.raises(ValueError, match=r"b\.jsonl\.zst: has 1 lines, 50 are listed"):
        encode_shards(shards, tokenizer, folder)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("ids.bin", lambda data: data[:-1], r"ids\.bin: has \d+ bytes, \d+ belong there$"),
        ("ids.bin", lambda data: data + b"\0\0", r"ids\.bin: has \d+ bytes, \d+ belong there$"),
        ("starts.bin", lambda data: data[:-8], r"starts\.bin: has 4000 bytes, 4008 belong there$"),
        ("starts.bin", lambda data: b"", r"starts\.bin: has 0 bytes, 4008 belong there$"),
        ("sources.json", lambda data: b"{}", "tokens: holds no tokenised lines"),
        ("sources.json", lambda data: b"", "tokens: holds no tokenised lines"),
    ],
)
def test_files_that_do_not_fit_together_are_an_error_that_names_them(
    shards, tokenizer, folder, name, change, message
):
    encode_shards(shards, tokenizer, folder)
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    with pytest.raises(ValueError, match=message) as caught:
        TokenLines.open(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_tokens_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ValueError, match="missing: holds no tokenised lines"):
        TokenLines.open(tmp_path / "missing")


@st.composite
def some_sources(draw):
    """Token lines of one to four sources of their own sizes and weights."""
    lengths, sources = [], []
    for number in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 60))
        weight = draw(st.floats(0.1, 10))
        sources.append(TokenSource(str(number), "", weight, len(lengths), len(lengths) + count))
        lengths += draw(st.lists(st.integers(1, 90), min_size=count, max_size=count))
    return numbered(lengths, sources=sources)


@settings(max_examples=150, deadline=None)
@given(
    lines=some_sources(),
    budget=st.integers(0, 12_000),
    power=st.floats(0, 1),
    seed=st.integers(0, 1_000),
    longest=st.none() | st.integers(1, 100),
)
def test_a_pass_is_a_subset_of_the_lines_of_about_the_budget(lines, budget, power, seed, longest):
    drawn = lines.draw(budget, power=power, seed=seed, epoch=0, longest=longest)
    lengths = np.minimum(lines.lengths(), longest or 10**9)
    assert drawn.dtype == np.int64
    assert len(set(drawn.tolist())) == len(drawn)
    assert set(drawn.tolist()) <= set(range(len(lines)))
    wanted = min(budget, lengths.sum())
    assert abs(lengths[drawn].sum() - wanted) <= len(lines.sources) * lengths.max()
    assert np.array_equal(drawn, lines.draw(budget, power=power, seed=seed, epoch=0, longest=longest))


def test_a_budget_of_all_tokens_gives_every_line_once_in_another_order_each_epoch():
    lines = numbered(
        [5, 7] * 300, sources=[TokenSource("a", "", 1, 0, 100), TokenSource("b", "", 9, 100, 600)]
    )
    first, second = (lines.draw(3_600, power=0.3, seed=4, epoch=epoch) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(600))
    assert not np.array_equal(first, second)
    assert 30 < (first[:300] < 100).sum() < 70  # sources are mixed, not one after the other


def test_a_small_budget_takes_other_lines_each_epoch_and_for_each_seed():
    lines = numbered([10] * 1_000)
    draws = [set(lines.draw(2_000, power=1, seed=s, epoch=e).tolist()) for s, e in ((1, 0), (1, 1), (2, 0))]
    assert all(len(draw) == 200 for draw in draws)
    assert all(len(one & other) < 100 for one, other in ((draws[0], draws[1]), (draws[0], draws[2])))


def test_weight_and_power_decide_what_a_source_gives():
    sources = [TokenSource("big", "", 1, 0, 9_000), TokenSource("small", "", 2, 9_000, 10_000)]
    lines = numbered([4] * 10_000, sources=sources)

    def ratio(power):
        drawn = lines.draw(2_000, power=power, seed=1, epoch=0)
        return (drawn < 9_000).sum() / (drawn >= 9_000).sum()

    assert ratio(0.5) == pytest.approx(3 / 2, rel=0.02)
    assert ratio(1) == pytest.approx(9 / 2, rel=0.02)
    assert ratio(0) == pytest.approx(1 / 2, rel=0.02)


def test_a_long_line_counts_as_its_crop():
    lines = numbered([100] * 200)
    assert len(lines.draw(1_000, power=1, seed=1, epoch=0)) == 10
    assert len(lines.draw(1_000, power=1, seed=1, epoch=0, longest=20)) == 50


def test_a_share_smaller_than_a_line_still_gives_one_now_and_then():
    sources = [TokenSource("many", "", 1, 0, 900), TokenSource("rare", "", 0.01, 900, 1_000)]
    lines = numbered([10] * 1_000, sources=sources)
    rare = Counter(int((lines.draw(300, power=0, seed=1, epoch=epoch) >= 900).sum()) for epoch in range(400))
    mean = sum(count * times for count, times in rare.items()) / 400
    assert mean == pytest.approx(300 * 0.01 / 1.01 / 10, rel=0.35)
