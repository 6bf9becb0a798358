from __future__ import annotations

import numpy as np

from connectors.records import LOGGER, SERVICE, Line, Record
from encoder_core.templates.match import TYPES
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.hashing import hash_texts
from stream_processors.detection.table import TemplateTable
from tests.fakes import make_lines


def lines(count: int) -> list[Line]:
    return [
        Line(
            10 + n, float(n), Record(f"took {n} ms", "raw", {f"c{k}": "v" for k in range(n % 4)}), index=n % 2
        )
        for n in range(count)
    ]


def test_a_part_of_a_batch_has_what_the_lines_alone_have():
    table = TemplateTable(4)
    whole = LineBatch.of(lines(20), table)
    chosen = np.array([3, 4, 11, 19])
    part, expected = whole.take(chosen), LineBatch.of([lines(20)[n] for n in chosen], table)
    for name in (
        "offsets",
        "indexes",
        "times",
        "templates",
        "kinds",
        "starts",
        "slots",
        "values",
        "types",
        "words",
        "word_starts",
    ):
        np.testing.assert_array_equal(getattr(part, name), getattr(expected, name), err_msg=name)
    assert [part.line(n).offset for n in range(4)] == [13, 14, 21, 29]
    assert part.take(np.array([2])).line(0).offset == 21
    assert len(whole.take(np.array([], dtype=np.int64))) == 0


def test_parts_cover_a_batch_in_order():
    batch = LineBatch.of(lines(10), TemplateTable(4))
    assert [part.offsets.tolist() for part in batch.parts(4)] == [
        [10, 11, 12, 13],
        [14, 15, 16, 17],
        [18, 19],
    ]
    assert batch.parts(10) == [batch]
    assert [len(part) for part in LineBatch.of([], TemplateTable(4)).parts(5)] == [0]


def test_lines_of_one_template_share_a_row_and_keep_their_order():
    batch = LineBatch.of(make_lines(["b 1", "a x", "b 2", "b 3"]), TemplateTable(4))
    rows, first, of, counts = batch.distinct
    assert (first.tolist(), of.tolist(), counts.tolist()) == ([0, 1], [0, 1, 0, 0], [3, 1])
    assert batch.templates[first].tolist() == rows.tolist()


def test_columns_that_name_a_place_are_left_out():
    record = Record("x", "json", {"user": "root", LOGGER: "a.B", SERVICE: "sshd"}, given=(SERVICE,))
    batch = LineBatch.of([Line(0, 0.0, record)], TemplateTable(4))
    assert batch.values.tolist() == hash_texts(["root"]).tolist()


def test_what_varies_is_found_again_on_demand():
    batch = LineBatch.of(make_lines(["opened 17 files"]), TemplateTable(4))
    assert [value for _, _, value in batch.parameters(0)] == ["17"]


def test_of_a_line_come_its_columns_then_the_parameters_of_its_text():
    texts = ["opened 17 files of 192.0.2.7", "no numbers", "opened 99 files of 192.0.2.9"]
    records = [Record(text, "raw", {"user": "Zoë"} if n else {}) for n, text in enumerate(texts)]
    batch = LineBatch.of([Line(n, 0.0, record) for n, record in enumerate(records)], TemplateTable(4))
    assert batch.starts.tolist() == [0, 2, 3, 6]
    lines = np.repeat(np.arange(3), np.diff(batch.starts))
    found = [batch.part(int(line), part) for part, line in enumerate(lines)]
    assert found == [
        ("0", "17"),
        ("1", "192.0.2.7"),
        ("user", "Zoë"),
        ("user", "Zoë"),
        ("0", "99"),
        ("1", "192.0.2.9"),
    ]
    spans = zip(batch.text_begins.tolist(), batch.text_ends.tolist(), strict=True)
    assert [batch.buffer[begin:end].tobytes().decode() for begin, end in spans] == texts
    assert batch.types.tolist() == [1 + TYPES.index("num"), 1 + TYPES.index("ip"), 0, 0, 1, 3]
    assert batch.slots[:2].tolist() == batch.slots[4:].tolist()
    assert len(set(batch.slots.tolist())) == 3
    assert batch.values.tolist() == hash_texts([value for _, value in found]).tolist()


def test_a_value_has_one_hash_in_a_column_and_in_a_text():
    records = [Record("x", "json", {"peer": "192.0.2.7"}), Record("lost 192.0.2.7 again", "raw")]
    batch = LineBatch.of([Line(n, 0.0, record) for n, record in enumerate(records)], TemplateTable(4))
    assert batch.values[0] == batch.values[1]
    assert batch.slots[0] != batch.slots[1]
