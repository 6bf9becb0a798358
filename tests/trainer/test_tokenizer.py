from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from trainer.tokenizer import SPECIAL_TOKENS, content_tokens, special_id, train_tokenizer

TABLE_1 = "sudo: root : TTY=unknown ; PWD=/ ; USER=root ; COMMAND=/bin/ip netns identify 4867"
TEXTS = st.text(max_size=80) | st.text(
    st.sampled_from(
        "aZé09٣ \t\r\n\v\0\x1b\x7f\u00a0\u2028\ufeff\ufffd\u0301.:=/[]{}\"'\\_-—中文😀👩\u200d💻"
    ),
    max_size=80,
)
PUNCTUATION = re.compile(rb"[!-/:-@\[-`{-~]")
PIECE = re.compile(r" ?[^\W\d_]+| ?\d{1,4}| ?[^\w\s]| ?_|\s+")


def ids_of(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def test_the_special_tokens_have_the_first_five_ids(tokenizer):
    assert [tokenizer.id_to_token(index) for index in range(5)] == [
        "[PAD]",
        "[CLS]",
        "[SEP]",
        "[UNK]",
        "[MASK]",
    ]
    assert [special_id(tokenizer, token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]


def test_a_special_token_that_the_vocabulary_lacks_is_an_error(tokenizer):
    with pytest.raises(ValueError, match=r"\[EOS\]"):
        special_id(tokenizer, "[EOS]")


def test_the_vocabulary_has_the_size_that_was_asked_for(tokenizer):
    assert tokenizer.get_vocab_size() == 1_000


def test_every_byte_is_an_entry_whatever_the_training_text():
    vocabulary = train_tokenizer(["abc"] * 3, 300)
    assert vocabulary.get_vocab_size() >= 256 + 5
    assert vocabulary.decode(ids_of(vocabulary, "äß\0 中 😀")) == "äß\0 中 😀"


def test_a_line_is_framed_by_cls_and_sep(tokenizer):
    framed = tokenizer.encode("Failed password").ids
    assert framed == [1, *ids_of(tokenizer, "Failed password"), 2]


def test_a_saved_tokenizer_is_the_same_tokenizer(tokenizer, lines, tmp_path):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [e.ids for e in loaded.encode_batch(lines[:200])] == [
        e.ids for e in tokenizer.encode_batch(lines[:200])
    ]


@settings(deadline=None)
@given(text=TEXTS)
def test_any_text_comes_back_whole(tokenizer, text):
    assert tokenizer.decode(ids_of(tokenizer, text), skip_special_tokens=False) == text


@settings(deadline=None)
@given(content=st.binary(max_size=80))
def test_any_bytes_come_back_as_the_corpus_reads_them(tokenizer, content):
    text = content.decode("utf-8", errors="replace")
    assert tokenizer.decode(ids_of(tokenizer, text), skip_special_tokens=False) == text


def test_every_line_comes_back_whole_and_is_shorter_in_tokens(tokenizer, lines):
    for line in lines:
        assert tokenizer.decode(ids_of(tokenizer, line)) == line
    assert sum(len(ids_of(tokenizer, line)) for line in lines) < sum(map(len, lines)) / 1.5


@settings(deadline=None)
@given(text=TEXTS)
def test_punctuation_always_stands_alone(tokenizer, token_bytes, text):
    pieces = [token_bytes[index] for index in ids_of(tokenizer, text) if index > 4]
    for piece in pieces:
        if PUNCTUATION.search(piece):
            assert len(piece.removeprefix(b" ")) == 1


def test_no_entry_mixes_punctuation_letters_digits_and_inner_space(token_bytes):
    alone = re.compile(
        rb" ?([a-zA-Z\x80-\xff]+|[0-9\x80-\xff]{1,4}|[!-/:-@\[-`{-~\x00-\x1f\x7f])|[\x00-\x20]+"
    )
    assert [piece for piece in token_bytes.values() if not alone.fullmatch(piece)] == []


@settings(deadline=None)
@given(digits=st.text("0123456789", min_size=1, max_size=40))
def test_digit_runs_are_cut_into_fours_at_most(tokenizer, token_bytes, digits):
    pieces = [token_bytes[index] for index in ids_of(tokenizer, f"pid={digits} end")]
    assert max(sum(byte in b"0123456789" for byte in piece) for piece in pieces) <= 4


def test_content_is_a_letter_a_digit_or_a_byte_beyond_ascii_and_nothing_else(tokenizer, token_bytes):
    expected = [
        index in token_bytes and re.search(rb"[0-9A-Za-z\x80-\xff]", token_bytes[index]) is not None
        for index in range(tokenizer.get_vocab_size())
    ]
    assert content_tokens(tokenizer) == expected
    assert 0 < sum(expected) < len(expected)


def test_the_line_of_the_papers_table_1_is_split_at_its_delimiters(tokenizer, token_bytes):
    pieces = [token_bytes[index].decode() for index in ids_of(tokenizer, TABLE_1)]
    assert "".join(pieces) == TABLE_1
    for piece in pieces:
        assert re.fullmatch(r" ?([a-zA-Z]+|\d{1,4}|[^\w\s])| ", piece)
    assert [piece.strip() for piece in pieces if not re.search(r"\w|^ $", piece)] == re.findall(
        r"[^\w\s]", TABLE_1
    )


def test_a_word_that_the_training_text_repeats_is_one_token():
    vocabulary = train_tokenizer([TABLE_1] * 5, 2_000)
    tokens = [
        token.replace("Ġ", " ") for token in vocabulary.encode(TABLE_1, add_special_tokens=False).tokens
    ]
    assert tokens == PIECE.findall(TABLE_1)
