"""The records of a raw log file, as text.

Text, JSON lines, CSV and Parquet are read as they stream by, plain, gzip or zstd. What can't be read comes out too,
as a ``Rejected`` with its line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
from pyarrow import parquet

from trainer.data.corpus import CorpusError, format_of

RECORD_BYTES = 1 << 26
"""Longest line that is held in memory: more than the longest ``dedup.line_characters`` needs."""
PARQUET_ROWS = 256
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """One record and the line it ends on (in Parquet, its row), from 1. repaired: had undecodable bytes."""

    line: int
    text: str
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that can't be read, or the place from which a file can't."""

    line: int
    reason: str


def read_file(path: Path) -> Iterator[str]:
    """The text of every record of a file that can be read."""
    return (item.text for item in read_records(path) if isinstance(item, Record))


def read_records(path: Path, field: str | None = None) -> Iterator[Record | Rejected]:
    """The records of a file, in their order, as they stream by.

    Text: every non-empty line. JSON lines: the line as it is. CSV (with a header) and Parquet: the row as one compact
    JSON object without its empty cells. ``field`` (dots descend) takes the text of one field or column in place of
    the record. A file that ends early or is damaged gives what comes before, then a ``Rejected``. Raises CorpusError
    for a file that can't be opened.
    """
    kind, packing = format_of(path)
    try:
        stream = pa.input_stream(str(path), compression=packing)
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"{path}: can't be opened: {one_line(error)}") from error
    line = 0
    try:
        if kind == ".parquet" and packing:
            raise OSError("Parquet inside another compression; unpack it")
        with stream:
            reader = READERS.get(kind, read_text)
            for item in reader(io.BufferedReader(stream), field):  # type: ignore[arg-type]
                line = item.line
                yield item
    except (OSError, pa.ArrowException, csv.Error) as error:
        yield Rejected(line + 1, f"can't be read from here on: {one_line(error)}")


def read_text(stream: BinaryIO, field: str | None) -> Iterator[Record | Rejected]:
    """One record a line; there are no fields."""
    for line, raw in raw_lines(stream):
        text, repaired = decode(raw)
        if text := text.rstrip("\r\n"):
            if field is None:
                yield Record(line, text, repaired)
            else:
                yield Rejected(line, f"has no field {field!r}: plain text")


def read_jsonl(stream: BinaryIO, field: str | None) -> Iterator[Record | Rejected]:
    """One JSON value a line."""
    for line, raw in raw_lines(stream):
        text, repaired = decode(raw)
        if not (text := text.strip()):
            continue
        if len(raw) >= RECORD_BYTES:
            yield Rejected(line, f"is longer than {RECORD_BYTES:,} bytes")
            continue
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield Rejected(line, f"is not JSON: {error}")
            continue
        yield Record(line, text, repaired) if field is None else text_of(line, value, field, repaired)


def read_csv(stream: BinaryIO, field: str | None) -> Iterator[Record | Rejected]:
    """One row a record, after a header."""
    broken = False

    def lines() -> Iterator[str]:
        nonlocal broken
        for _, raw in raw_lines(stream):
            text, repaired = decode(raw)
            broken |= repaired
            yield text

    rows = csv.reader(lines())
    header = next(rows, [])
    if len(set(header)) < len(header):
        yield Rejected(1, "names a column twice")
        return
    while True:
        broken = False
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Rejected(rows.line_num, f"is not CSV: {error}")
            continue
        if len(row) > len(header):
            yield Rejected(rows.line_num, f"has {len(row)} cells, the header {len(header)}")
        elif row:
            yield text_of(rows.line_num, dict(zip(header, row, strict=False)), field, broken)


def read_parquet(stream: BinaryIO, field: str | None) -> Iterator[Record | Rejected]:
    """One row a record."""
    line = 0
    for batch in parquet.ParquetFile(stream, pre_buffer=False).iter_batches(PARQUET_ROWS):
        # Times as text: Python's own have no nanoseconds.
        columns = [c.cast(pa.string()) if pa.types.is_timestamp(c.type) else c for c in batch.columns]
        for row in range(batch.num_rows):
            line += 1
            try:
                values = [column[row].as_py() for column in columns]
            except (ValueError, pa.ArrowException) as error:
                yield Rejected(line, f"can't be read: {one_line(error)}")
                continue
            yield text_of(line, dict(zip(batch.schema.names, values, strict=True)), field, False)


READERS: dict[str, Callable[[BinaryIO, str | None], Iterator[Record | Rejected]]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".parquet": read_parquet,
}


def raw_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line; of one longer than ``RECORD_BYTES`` the start. Raises OSError for UTF-16."""
    line = 0
    while raw := stream.readline(RECORD_BYTES):
        line += 1
        rest = raw
        while len(rest) == RECORD_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(RECORD_BYTES)
        if line == 1:
            if raw.startswith(UTF16):
                raise OSError("is UTF-16; convert it to UTF-8")
            raw = raw.removeprefix(UTF8_MARK)
        yield line, raw


def decode(raw: bytes) -> tuple[str, bool]:
    """UTF-8 as text, and whether bytes had to be replaced."""
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return raw.decode(errors="replace"), True


def text_of(line: int, value: Any, field: str | None, repaired: bool) -> Record | Rejected:
    """A parsed record as text: its field's, or all of it as JSON without empty cells."""
    if field is None:
        value = {name: cell for name, cell in value.items() if cell not in (None, "")}
    else:
        value = pick(value, field)
    if value in (None, "", {}):
        return Rejected(line, "has no values" if field is None else f"has no field {field!r}")
    try:
        text = value if isinstance(value, str) else orjson.dumps(value, default=readable).decode()
    except orjson.JSONEncodeError as error:
        return Rejected(line, f"can't be written as JSON: {error}")
    return Record(line, text, repaired)


def pick(value: Any, field: str) -> Any:
    """The value under a dotted name, which may also be a name with dots in it; nothing where there is none."""
    if not isinstance(value, dict):
        return None
    if field in value:
        return value[field]
    head, dot, rest = field.partition(".")
    return pick(value.get(head), rest) if dot else None


def readable(value: object) -> str:
    """What JSON has no form for, as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def one_line(error: BaseException) -> str:
    """An exception's message without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
