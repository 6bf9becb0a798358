from __future__ import annotations

import json
import random
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken
from tokenizers import Tokenizer as BackendTokenizer

import encoder_core.tokenizer
from encoder_core import default_bundle_path
from encoder_core.tokenizer import KNOWN_PIECES, LONGEST_PIECE, PIECES, Tokenizer, splits_into_pieces

LINE = (
    'Nov 23 10:15:02 web-1 sshd[4711]: Failed password for root from 192.0.2.7 port 51122  ssh2 "GET /a?b=c"'
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The shipped tokenizer, with the pieces of the trainer's vocabularies."""
    content = json.loads((default_bundle_path() / "tokenizer.json").read_text())
    content["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": PIECES}
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    file.write_text(json.dumps(content))
    return file


@pytest.fixture(scope="module")
def library(path):
    """The tokenizers library's own reading of that file."""
    backend = BackendTokenizer.from_file(str(path))
    backend.encode_special_tokens = True
    return backend


@pytest.fixture(scope="module")
def tokenizer(path):
    return Tokenizer(path, max_tokens=48_000)


texts = st.one_of(
    st.text(st.characters(max_codepoint=127)),
    st.text(string.ascii_letters + "  \t\n0123456789:.-[]\"'=\x1c\x85"),
    st.text(),
)


@settings(deadline=None)
@given(texts)
@example(LINE)
@example("  a   4 4a 12345 [MASK] [SEP]\x00\x7f\x1c\x1d \x0b\x0c\r\n")
@example("é LINE ünï ² ٣ 12\u00a034")
@example("")
def test_the_table_of_pieces_gives_what_the_library_gives(tokenizer, library, text):
    (row,), (cut,) = tokenizer.encode([text])
    assert row.tolist() == library.encode(text).ids
    assert not cut


@pytest.fixture(scope="module")
def short(path):
    """Tokenizers that cut early, by their limit."""
    return {most: Tokenizer(path, max_tokens=most) for most in (3, 4, 9, 30)}


@settings(deadline=None)
@given(st.lists(texts, max_size=6), st.sampled_from([3, 4, 9, 30]))
def test_rows_are_in_order_and_cut_alike_whatever_the_characters(short, library, batch, most):
    rows, cut = short[most].encode(batch)
    for text, row, was_cut in zip(batch, rows, cut, strict=True):
        whole = library.encode(text).ids
        assert was_cut == (len(whole) > most)
        assert row.tolist() == (whole if len(whole) <= most else [*whole[: most - 1], whole[-1]])


@pytest.mark.parametrize(
    "text", ["x" * 300_000, "ab1 " * 90_000, " " * 300_000, "a " * 150_000, "9" * 300_000]
)
@pytest.mark.parametrize("most", [3, 128])
def test_huge_texts_are_cut_where_the_library_cuts_them(path, library, text, most):
    (row,), (cut,) = Tokenizer(path, max_tokens=most).encode([text])
    head = library.encode(text[: 64 * most]).ids
    assert row.tolist()[:-1] == head[: min(most, len(row)) - 1]
    assert cut == (len(row) == most)


def test_ascii_lines_ask_the_library_for_new_pieces_only(path, monkeypatch):
    tokenizer = Tokenizer(path, max_tokens=128)
    first, _ = tokenizer.encode([LINE])
    monkeypatch.setattr(tokenizer, "_whole", None)
    monkeypatch.setattr(tokenizer._pieces, "_backend", None)
    again, _ = tokenizer.encode([LINE, LINE])
    assert [row.tolist() for row in again] == [first[0].tolist()] * 2


def test_the_table_is_bounded_and_keeps_no_huge_piece(path, monkeypatch):
    monkeypatch.setattr(encoder_core.tokenizer, "KNOWN_PIECES", 100)
    assert KNOWN_PIECES > 100
    tokenizer = Tokenizer(path, max_tokens=128)
    for number in range(1_000, 1_500):
        tokenizer.encode([f"{number}", "x" * (LONGEST_PIECE + 1) + str(number)])
        assert len(tokenizer._pieces) <= 100
    assert max(map(len, tokenizer._pieces)) <= LONGEST_PIECE


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("normalizer",), {"type": "Lowercase"}),
        (("pre_tokenizer", "pretokenizers", 0, "pattern"), {"Regex": r"\s+"}),
        (("pre_tokenizer", "pretokenizers", 0, "behavior"), "MergedWithNext"),
        (("pre_tokenizer", "pretokenizers", 1, "add_prefix_space"), True),
        (("post_processor",), None),
        (("model", "dropout"), 0.1),
    ],
)
def test_a_tokenizer_that_does_anything_else_goes_through_the_library(path, tmp_path, keys, value):
    assert splits_into_pieces(path)
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    other = tmp_path / "other.json"
    other.write_text(json.dumps(content))
    assert not splits_into_pieces(other)


def test_placeholders_with_entries_of_their_own_are_looked_up_as_the_library_reads_them(tmp_path):
    backend = BackendTokenizer.from_file(str(default_bundle_path() / "tokenizer.json"))
    names = ["<num>", "<ip>", "<*>"]
    backend.add_tokens([AddedToken(name, lstrip=True, normalized=False, special=False) for name in names])
    path = tmp_path / "tokenizer.json"
    backend.save(str(path))
    assert splits_into_pieces(path)
    ours = Tokenizer(path, max_tokens=64)
    draw = random.Random(6)
    parts = [*names, " ", "  ", "\t", "user", ":", "<", "1234567", "<nums>", "[SEP]", "é"]
    texts = ["".join(draw.choices(parts, k=12)) for _ in range(400)]
    backend.encode_special_tokens = True
    rows, _ = ours.encode(texts)
    for text, row in zip(texts, rows, strict=True):
        if len(expected := backend.encode(text).ids) <= 64:
            assert row.tolist() == expected, text
    backend.add_tokens(["word"])
    backend.save(str(path))
    assert not splits_into_pieces(path)


def test_words_of_a_language_that_the_vocabulary_does_not_have_are_spelled(tokenizer):
    known = "Accepted password for user from host; backup of the session started"
    assert tokenizer.count_words(known) == (11, 0)
    assert tokenizer.count_words("Sicherung fehlgeschlagen, Grenzwert quittiert") == (4, 4)
    assert tokenizer.count_words("\u63a5\u7d9a \u5931\u6557 session 17 x __") == (3, 2)
    assert tokenizer.count_words("") == (0, 0)
