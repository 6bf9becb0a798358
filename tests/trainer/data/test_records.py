from __future__ import annotations

import datetime
import gzip
import json
import re
import tracemalloc

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from trainer.data import records as module
from trainer.data.corpus import CorpusError
from trainer.data.records import Record, Rejected, read_file, read_records

LINES = [f"sshd[{number}]: Accepted publickey for user{number % 7}" for number in range(4_000)]
PACK = {".gz": lambda content: gzip.compress(content, mtime=0), ".zst": zstandard.ZstdCompressor().compress}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        content = "".join(f"{line}\n" for line in content)
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(PACK.get(path.suffix, bytes)(content))
    return path


def texts(path, field=None):
    """The texts of a file of which every record can be read."""
    records = list(read_records(path, field))
    assert not [record for record in records if isinstance(record, Rejected)]
    return [record.text for record in records]


def rejected(path, field=None):
    return {r.line: r.reason for r in read_records(path, field) if isinstance(r, Rejected)}


@pytest.mark.parametrize("name", ["a.log.gz", "a.log.zst", "messages.gz"])
def test_a_compressed_file_reads_as_its_plain_twin(tmp_path, name):
    assert texts(write(tmp_path / name, LINES)) == texts(write(tmp_path / "b.log", LINES)) == LINES


@pytest.mark.parametrize("name", ["a.log.gz", "a.log.zst"])
def test_files_packed_one_by_one_and_joined_read_to_the_end(tmp_path, name):
    path = write(tmp_path / name, LINES)
    path.write_bytes(path.read_bytes() * 2)
    assert texts(path) == LINES * 2


def test_only_a_newline_ends_a_line_and_empty_lines_are_left_out(tmp_path):
    path = write(tmp_path / "a.log", "\ufeffone\r\n\n\r\ntwo\x0c\x85\u2028still two\r half\nlast")
    assert list(read_records(path)) == [
        Record(1, "one"),
        Record(4, "two\x0c\x85\u2028still two\r half"),
        Record(5, "last"),
    ]


@pytest.mark.parametrize("name", ["a.log", "a.log.gz", "a.csv"])
def test_undecodable_bytes_are_replaced_and_told(tmp_path, name):
    path = write(tmp_path / name, b"user\nuser=\xff\xfe ok\n\xc3\ngood\n")
    records = list(read_records(path, "user" if name == "a.csv" else None))[-3:]
    assert [r.text for r in records] == ["user=\ufffd\ufffd ok", "\ufffd", "good"]
    assert [r.repaired for r in records] == [True, True, False]


def test_a_json_line_stays_as_it_is_and_one_that_does_not_parse_is_listed(tmp_path):
    path = write(tmp_path / "a.jsonl", ['{"b": 1,  "a":"x"}', '{"a":', "", "plain", '{"a":2}'])
    assert list(read_file(path)) == ['{"b": 1,  "a":"x"}', '{"a":2}']
    assert list(rejected(path)) == [2, 4]


def test_a_field_is_found_by_its_dotted_name_and_a_record_without_it_is_listed(tmp_path):
    records = [
        {"log": {"text": "nested"}},
        {"log.text": "flat"},
        {"log": "x"},
        {"log": {"text": ""}},
        [1],
        {"log": {"text": {"n": 1}}},
    ]
    path = write(tmp_path / "a.ndjson", [json.dumps(record) for record in records])
    assert [x.text for x in read_records(path, "log.text") if isinstance(x, Record)] == [
        "nested",
        "flat",
        '{"n":1}',
    ]
    assert rejected(path, "log.text") == dict.fromkeys((3, 4, 5), "has no field 'log.text'")


def test_a_csv_row_is_json_without_its_empty_cells(tmp_path):
    path = write(tmp_path / "a.csv.gz", '\ufeffhost,"user, name",message\nw1,,"two\nlines"\n\nw2,ann\n')
    assert list(read_records(path)) == [
        Record(3, '{"host":"w1","message":"two\\nlines"}'),
        Record(5, '{"host":"w2","user, name":"ann"}'),
    ]


def test_a_csv_row_that_is_too_long_is_listed_with_its_line(tmp_path):
    path = write(tmp_path / "a.csv", f"a,b\n1,2\n1,2,3\n{'x' * 200_000},1\n,\n5,6\n")
    assert [x.text for x in read_records(path) if isinstance(x, Record)] == [
        '{"a":"1","b":"2"}',
        '{"a":"5","b":"6"}',
    ]
    assert list(rejected(path)) == [3, 4, 5]
    assert rejected(path)[3] == "has 3 cells, the header 2"
    assert list(rejected(path, "b")) == [3, 4, 5]


def test_a_parquet_row_is_json_without_its_empty_cells(tmp_path):
    table = pa.table(
        {
            "time": pa.array([1, None], pa.timestamp("ns")),
            "message": ["a", "b"],
            "more": [{"x": 1}, None],
            "raw": [b"\xff", b""],
            "day": [datetime.date(2024, 1, 2), None],
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    first, second = texts(tmp_path / "a.parquet")
    assert json.loads(first) == {
        "time": "1970-01-01 00:00:00.000000001", "message": "a", "more": {"x": 1}, "raw": "\ufffd", "day": "2024-01-02",
    }  # fmt: skip
    assert json.loads(second)["message"] == "b"
    assert texts(tmp_path / "a.parquet", "message") == ["a", "b"]
    assert list(rejected(tmp_path / "a.parquet", "more.x")) == [2]


def test_parquet_is_read_over_many_batches(tmp_path):
    parquet.write_table(pa.table({"line": LINES}), tmp_path / "a.parquet", row_group_size=1_000)
    assert texts(tmp_path / "a.parquet", "line") == LINES


@pytest.mark.parametrize("name", ["a.log.gz", "a.log.zst", "a.csv.zst"])
def test_of_a_file_that_ends_early_what_comes_before_is_kept_and_the_end_is_listed(tmp_path, name):
    lines = [f"{number:x} {hash((number, 'x')):x}" for number in range(60_000)]
    path = write(tmp_path / name, ["line", *lines])
    path.write_bytes(path.read_bytes()[:-20_000])
    records = list(read_records(path, "line" if "csv" in name else None))
    end = records.pop()
    found = [record.text for record in records if isinstance(record, Record)]
    found = found if "csv" in name else found[1:]
    assert found == lines[: len(found)]
    assert len(found) > 20_000
    assert isinstance(end, Rejected)
    assert end.line == records[-1].line + 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.log.gz", b"plain text"),
        ("a.log.zst", b"plain text"),
        ("a.parquet", b"plain text"),
        ("a.parquet.gz", gzip.compress(b"x", mtime=0)),
        ("a.csv", "a,a\n1,2\n"),
        ("a.log", "x".encode("utf-16")),
    ],
)
def test_a_damaged_file_is_one_listed_record(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (only,) = read_records(path)
    assert isinstance(only, Rejected)
    assert "\n" not in only.reason


def test_a_line_longer_than_memory_allows_is_cut_in_text_and_listed_in_json(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RECORD_BYTES", 10)
    assert texts(write(tmp_path / "a.log", "x" * 35 + "\nnext\n" + "y" * 9 + "\n")) == [
        "x" * 10,
        "next",
        "y" * 9,
    ]
    path = write(tmp_path / "a.jsonl", f'"{"x" * 35}"\n"next"\n')
    assert list(rejected(path)) == [1]
    assert list(read_file(path)) == ['"next"']


@pytest.mark.parametrize("name", ["a.log.gz", "a.jsonl.zst", "a.csv", "a.parquet"])
def test_a_file_streams_by(tmp_path, name):
    line = json.dumps({"message": "x" * 1_000})
    if name == "a.parquet":
        table = pa.table({"message": ["x" * 1_000] * 1_000})
        with parquet.ParquetWriter(tmp_path / name, table.schema) as writer:
            for _ in range(20):
                writer.write_table(table)
    else:
        write(tmp_path / name, [line] * 20_000)
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    arrow = max(pa.total_allocated_bytes() - before for _ in read_records(tmp_path / name))
    peak = tracemalloc.get_traced_memory()[1] + arrow
    tracemalloc.stop()
    assert peak < 4_000_000 < 20_000 * len(line)


def test_a_file_that_can_t_be_opened_is_an_error_that_names_it(tmp_path):
    with pytest.raises(CorpusError, match=re.escape(str(tmp_path / "gone.log"))):
        list(read_records(tmp_path / "gone.log"))
