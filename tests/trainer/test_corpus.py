from __future__ import annotations

import gzip
import re
from itertools import pairwise

import pytest

from trainer.corpus import CorpusError, Source, find_files, load_sources, read_lines, sample_lines

LINES = [f"sshd[{number}]: Accepted publickey for user{number % 7}" for number in range(400)]


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def source(name, lines, length=20):
    """A source of distinct lines of one length."""
    return Source(name, tuple(f"{name}{number}".ljust(length, ".") for number in range(lines)))


def characters_of(sources, sample):
    """Characters of the sample that each source gave."""
    return {s.name: sum(len(line) for line in sample if line in set(s.lines)) for s in sources}


def test_a_folder_gives_the_log_files_at_any_depth_by_name(tmp_path):
    wanted = [tmp_path / name for name in ("a.log", "b/c.txt", "b/d/e.jsonl.gz", "f.log.gz")]
    for path in wanted:
        write(path, ["x"])
    write(tmp_path / "README.md", ["x"])
    write(tmp_path / "b" / "table.parquet", ["x"])
    assert find_files([tmp_path]) == wanted


def test_a_folder_named_like_a_log_file_is_searched_not_read(tmp_path):
    inner = write(tmp_path / "host.log" / "a.log", ["x"])
    assert find_files([tmp_path]) == [inner]


def test_what_a_glob_gives_is_taken_whatever_the_suffix(tmp_path):
    kept = [write(tmp_path / name, ["x"]) for name in ("messages.1", "messages.2")]
    write(tmp_path / "other.log", ["x"])
    assert find_files(tmp_path.glob("messages.*")) == kept


def test_a_file_named_twice_is_one_file(tmp_path):
    path = write(tmp_path / "a.log", ["x"])
    assert find_files([path, tmp_path, path]) == [path]


def test_a_gzip_file_reads_as_its_plain_twin(tmp_path):
    plain, packed = write(tmp_path / "a.log", LINES), write(tmp_path / "b.log.gz", LINES)
    assert list(read_lines(plain)) == list(read_lines(packed)) == LINES


def test_only_a_newline_ends_a_line_and_empty_lines_are_left_out(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes("one\r\n\n\r\ntwo\x0c\x85\u2028still two\r half\nlast".encode())
    assert list(read_lines(path)) == ["one", "two\x0c\x85\u2028still two\r half", "last"]


@pytest.mark.parametrize("name", ["a.log", "a.log.gz"])
def test_undecodable_bytes_are_kept_as_replacement_characters(tmp_path, name):
    content = b"user=\xff\xfe ok\n\xc3\n"
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert list(read_lines(tmp_path / name)) == ["user=\ufffd\ufffd ok", "\ufffd"]


def test_an_exact_repeat_is_kept_once_in_the_first_file_by_name(tmp_path):
    write(tmp_path / "b.log", ["shared", "only b"])
    write(tmp_path / "a.log.gz", ["only a", "shared", "only a", "Shared"])
    write(tmp_path / "c.log", ["shared"])
    assert load_sources([tmp_path]) == [
        Source("a", ("only a", "shared", "Shared")),
        Source("b", ("only b",)),
    ]


def test_power_0_gives_every_source_the_same_share():
    sources = [source("a", 500), source("b", 1_000), source("c", 8_000)]
    sample = sample_lines(sources, 18_000, power=0)
    assert characters_of(sources, sample) == {"a": 6_000, "b": 6_000, "c": 6_000}


def test_power_1_samples_by_size():
    sources = [source("a", 500), source("b", 1_500), source("c", 8_000)]
    sample = sample_lines(sources, 20_000, power=1)
    assert characters_of(sources, sample) == {"a": 1_000, "b": 3_000, "c": 16_000}


def test_power_one_half_samples_by_the_root_of_the_size():
    sources = [source("a", 100), source("b", 1_600)]
    sample = sample_lines(sources, 2_000, power=0.5)
    assert characters_of(sources, sample) == {"a": 400, "b": 1_600}


def test_a_small_source_is_taken_whole_and_the_rest_goes_to_the_others():
    sources = [source("c", 4_000), source("a", 10), source("b", 4_000)]
    sample = sample_lines(sources, 20_200, power=0)
    assert characters_of(sources, sample) == {"a": 200, "b": 10_000, "c": 10_000}


@pytest.mark.parametrize("power", [0, 0.5, 1])
def test_all_of_the_text_is_every_line_once(power):
    sources = [source("a", 10), source("b", 333, 7), source("c", 1_000, 31)]
    total = sum(s.size for s in sources)
    everything = sorted(line for s in sources for line in s.lines)
    assert sorted(sample_lines(sources, total, power=power)) == everything
    assert sorted(sample_lines(sources, 10 * total, power=power)) == everything


def test_a_sample_depends_on_its_seed_alone_and_mixes_the_sources():
    sources = [source("a", 500), source("b", 500)]
    sample = sample_lines(sources, 4_000, seed=3)
    assert sample == sample_lines(sources, 4_000, seed=3)
    assert sample != sample_lines(sources, 4_000, seed=4)
    assert len(set(sample)) == len(sample)
    changes = sum(one[0] != other[0] for one, other in pairwise(sample))
    assert changes > len(sample) // 4


def test_a_missing_path_is_an_error_that_names_it(tmp_path):
    with pytest.raises(CorpusError, match=re.escape(str(tmp_path / "nowhere"))):
        load_sources([tmp_path / "nowhere"])


def test_a_folder_without_logs_is_an_error_that_names_it(tmp_path):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(CorpusError, match=re.escape(str(tmp_path))):
        load_sources(path for path in [tmp_path])


def test_files_without_a_line_are_an_error_that_names_them(tmp_path):
    (tmp_path / "a.log").write_text("\n\n")
    with pytest.raises(CorpusError, match=re.escape(str(tmp_path))):
        load_sources([tmp_path])


def flip_a_bit(content):
    return content[:40] + bytes([content[40] ^ 0x10]) + content[41:]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="cut"),
        pytest.param(lambda content: b"plain text", id="not gzip"),
        pytest.param(flip_a_bit, id="deflate stream"),
        pytest.param(lambda content: content[:-8] + bytes(8), id="checksum"),
    ],
)
def test_a_corrupt_gzip_file_is_an_error_that_names_it(tmp_path, spoil):
    path = write(tmp_path / "a.log.gz", LINES)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(CorpusError, match=re.escape(str(path))):
        load_sources([tmp_path])
