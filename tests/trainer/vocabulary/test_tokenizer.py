from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from trainer.data.corpus import CorpusError
from trainer.settings import TokenizerSettings
from trainer.stages.shards import Shard, save_index, write_shard
from trainer.vocabulary.tokenizer import (
    LINE_LIMIT,
    SPECIAL_TOKENS,
    content_tokens,
    delimiter_tokens,
    learn,
    sample,
    special_id,
    train_tokenizer,
)
from trainer.vocabulary.words import COMMANDS, sudo_lines

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"
TABLE_1 = "sudo: root : TTY=unknown : PWD=/ : USER=root : COMMAND=/bin/ip netns identify 4867"
# fmt: off
TABLE_1_TOKENS = [
    "sudo", ":", "root", ":", "TTY", "=", "unknown", ":", "PWD", "=", "/", ":", "USER", "=", "root", ":",
    "COMMAND", "=", "/", "bin", "/", "ip", "netns", "identify", "4867",
]
# fmt: on
TEXTS = st.text(max_size=80) | st.text(
    st.sampled_from(
        "aZé09٣ \t\r\n\v\0\x1b\x7f\u00a0\u2028\ufeff\ufffd\u0301.:=/[]{}\"'\\_-—中文😀👩\u200d💻"
    ),
    max_size=80,
)
PUNCTUATION = re.compile(rb"[!-/:-@\[-`{-~]")
PIECE = re.compile(r" ?[^\W\d_]+|\d{1,4}| ?[^\w\s]| ?_|\s+")


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
        rb" ?[a-zA-Z\x80-\xff]+|[0-9\x80-\xff]{1,4}| ?[!-/:-@\[-`{-~\x00-\x1f\x7f]|[\x00-\x20]+"
    )
    assert [piece for piece in token_bytes.values() if not alone.fullmatch(piece)] == []


@settings(deadline=None)
@given(digits=st.text("0123456789", min_size=1, max_size=40))
def test_digit_runs_are_cut_into_fours_at_most(tokenizer, token_bytes, digits):
    pieces = [token_bytes[index] for index in ids_of(tokenizer, f"pid={digits} end")]
    assert max(sum(byte in b"0123456789" for byte in piece) for piece in pieces) <= 4


@settings(deadline=None)
@given(number=st.integers(0, 99_999), before=st.sampled_from(["pid ", "pid=", "pid", "", "  "]))
def test_a_number_is_the_same_tokens_wherever_it_stands(tokenizer, number, before):
    alone = ids_of(tokenizer, str(number))
    assert ids_of(tokenizer, f"{before}{number}")[-len(alone) :] == alone


def check_content(tokenizer):
    """A content token's bytes hold a letter, a digit, or what is not yet a character; every token is looked at."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    byte_of = dict(zip(map(chr, [*printable, *range(0x100, 0x200)]), printable + others, strict=False))
    expected = [False] * 5
    for index in range(5, tokenizer.get_vocab_size()):
        text = bytes(byte_of[character] for character in tokenizer.id_to_token(index)).decode(
            errors="replace"
        )
        expected.append(any(c.isalpha() or c.isnumeric() or c == "\ufffd" for c in text))
    assert content_tokens(tokenizer) == expected


def test_content_is_a_letter_a_digit_or_a_part_of_a_character_and_nothing_else(tokenizer):
    check_content(tokenizer)
    content = content_tokens(tokenizer)
    assert not any(content[index] for index in ids_of(tokenizer, ' :\t\0\x7f-- __ []{}"\n  '))
    assert all(content[index] for index in ids_of(tokenizer, "root") + ids_of(tokenizer, "4867"))


def test_punctuation_and_blanks_beyond_ascii_are_delimiters_once_they_have_an_entry():
    vocabulary = train_tokenizer(["“été” \u200b\u00a0® 中"] * 9, 400)
    texts = set(delimiter_tokens(vocabulary).values())
    assert {"”", "®"} <= {text.strip() for text in texts}
    assert not {"é", "中"} & {text.strip() for text in texts}


def test_the_delimiters_are_listed_with_their_text(tokenizer):
    delimiters = delimiter_tokens(tokenizer)
    content = content_tokens(tokenizer)
    assert sorted(delimiters) == [index for index, is_content in enumerate(content) if not is_content]
    assert [delimiters[index] for index in range(5)] == list(SPECIAL_TOKENS)
    assert {":", " ", "=", "/", "\n"} < set(delimiters.values())


def shard_of(folder, name, lines, *, weight=1.0):
    write_shard(folder / f"{name}.jsonl.zst", lines)
    return Shard(name, "", weight, folder / f"{name}.jsonl.zst", len(lines), sum(map(len, lines)))


@pytest.fixture
def shards(tmp_path, lines):
    return [shard_of(tmp_path, "one", lines[:2_000]), shard_of(tmp_path, "two", lines[2_000:])]


def test_learning_writes_a_tokenizer_its_delimiters_and_their_counts(shards, lines, tmp_path):
    counts = learn(shards, TokenizerSettings(vocabulary=800, commands=0), tmp_path)
    learnt = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    delimiters = delimiter_tokens(learnt)
    assert counts["entries"] == learnt.get_vocab_size() == 800
    assert (counts["lines"], counts["characters"]) == (len(lines), sum(map(len, lines)))
    assert counts["delimiters"] == len(delimiters)
    assert 1.5 < counts["bytes_per_token"] < 5
    listed = [line.split("\t") for line in (tmp_path / "delimiters.txt").read_text().splitlines()]
    assert listed == [[str(index), repr(text)] for index, text in delimiters.items()]


def test_equal_settings_learn_equal_files(shards, tmp_path):
    made = []
    for seed in (1, 1, 2):
        learn(shards, TokenizerSettings(vocabulary=600, characters=60_000, commands=0, seed=seed), tmp_path)
        made.append((tmp_path / "tokenizer.json").read_bytes())
    assert made[0] == made[1] != made[2]


def test_too_little_text_for_the_vocabulary_is_an_error_that_names_the_setting(tmp_path):
    shard = shard_of(tmp_path, "few", ["Failed password for root"] * 20)
    with pytest.raises(
        CorpusError, match=r"tokenizer\.vocabulary: 900 entries .* 480 characters gave \d\d\d$"
    ):
        learn([shard], TokenizerSettings(vocabulary=900, commands=0), tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()


def test_the_sample_takes_each_source_by_weight_and_keeps_the_budget(tmp_path):
    many = shard_of(tmp_path, "many", [f"many {n:015d}" for n in range(20_000)])
    few = shard_of(tmp_path, "few", [f"few {n:016d}" for n in range(20_000)], weight=3.0)
    drawn = list(sample([many, few], TokenizerSettings(characters=80_000, commands=0)))
    taken = Counter(line.split()[0] for line in drawn)
    assert sum(map(len, drawn)) == pytest.approx(80_000, rel=0.1)
    assert taken["few"] / taken["many"] == pytest.approx(3, rel=0.15)
    assert len(set(drawn)) == len(drawn)


def test_the_sample_cuts_a_long_line(tmp_path):
    shard = shard_of(tmp_path, "long", ["x" * (LINE_LIMIT + 5), "short"])
    drawn = list(sample([shard], TokenizerSettings(commands=0)))
    assert [len(line) for line in drawn] == [LINE_LIMIT, 5]


def test_a_share_of_the_sample_is_administration_commands_in_sudos_format(shards):
    drawn = list(sample(shards, TokenizerSettings(commands=0.25)))
    sudo = [
        line
        for line in drawn
        if re.fullmatch(r"sudo: \w+ : TTY=\S+ ; PWD=\S+ ; USER=root ; COMMAND=/.+", line)
    ]
    assert sum(map(len, sudo)) / sum(map(len, drawn)) == pytest.approx(0.25, rel=0.1)


def test_every_command_comes_as_often_as_every_other():
    drawn = Counter(line.split("COMMAND=")[1] for line in sudo_lines(200_000, seed=3))
    assert len(drawn) == sum(len(requests.split(",")) for requests in COMMANDS.values())
    assert max(drawn.values()) - min(drawn.values()) <= 1
    assert all(re.fullmatch(r"/\S+( \S+)+", command) for command in drawn)


def table_1_tokens(tokenizer, line):
    tokens = tokenizer.encode(line, add_special_tokens=False).tokens
    return [token.removeprefix("Ġ") for token in tokens if token != "Ġ"]


def test_the_line_of_the_papers_table_1_comes_out_of_invented_logs(shards, lines, tmp_path):
    invented = shard_of(
        tmp_path, "pids", [f"sudo: pam_unix(sudo:session): pid {n} root" for n in range(4_850, 4_880)] * 9
    )
    learn([*shards, invented], TokenizerSettings(vocabulary=4_000, commands=0.3), tmp_path)
    learnt = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert table_1_tokens(learnt, TABLE_1) == TABLE_1_TOKENS
    as_sudo_writes = TABLE_1.replace(" : ", " ; ").replace(" ; TTY", " : TTY")
    assert table_1_tokens(learnt, as_sudo_writes) == [
        ";" if token == ":" and n > 3 else token for n, token in enumerate(TABLE_1_TOKENS)
    ]


def test_a_word_that_the_training_text_repeats_is_one_token():
    vocabulary = train_tokenizer([TABLE_1] * 5, 2_000)
    tokens = [
        token.replace("Ġ", " ") for token in vocabulary.encode(TABLE_1, add_special_tokens=False).tokens
    ]
    assert tokens == PIECE.findall(TABLE_1)


LEARN_AND_SAY_PEAK = """
import re, sys
from pathlib import Path
from trainer.settings import TokenizerSettings
from trainer.stages.shards import list_shards
from trainer.vocabulary.tokenizer import learn
folder = Path(sys.argv[1])
counts = learn(list_shards(folder), TokenizerSettings(vocabulary=1_000, characters=400_000), folder)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1)
print(counts["characters"], peak)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_memory_follows_the_budget_not_the_corpus(tmp_path):
    def peak_of(lines):
        folder = tmp_path / str(lines)
        folder.mkdir()
        text = " connection from 10.0.0.7 port 22 closed by the peer" * 6
        save_index(folder, [shard_of(folder, "all", [f"{n:08d}{text}" for n in range(lines)])])
        done = subprocess.run(
            [sys.executable, "-c", LEARN_AND_SAY_PEAK, str(folder)],
            env=os.environ | {"RAYON_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        return map(int, done.stdout.split())

    characters, peak = peak_of(25_000)
    more_characters, more_peak = peak_of(200_000)  # 64 MB of text
    assert more_characters == pytest.approx(characters, rel=0.1)
    assert more_peak < 1.25 * peak


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Tokenizer and counts of the default settings on the corpus of public logs."""
    if not CORPUS.is_dir():
        pytest.skip(f"needs the corpus of public logs in {CORPUS}")
    folder = tmp_path_factory.mktemp("real")
    shards = []
    for path in sorted(CORPUS.glob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n") as stream:
            shards.append(shard_of(folder, path.name, [line.rstrip("\r\n") for line in stream]))
    counts = learn(shards, TokenizerSettings(), folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json")), counts


@pytest.mark.slow
def test_the_line_of_the_papers_table_1_comes_out_of_real_logs(real):
    tokenizer, _ = real
    assert table_1_tokens(tokenizer, TABLE_1) == TABLE_1_TOKENS


@pytest.mark.slow
def test_real_logs_give_the_papers_vocabulary(real):
    tokenizer, counts = real
    assert counts["entries"] == tokenizer.get_vocab_size() == 29_952
    assert counts["bytes_per_token"] > 2.2
    check_content(tokenizer)
