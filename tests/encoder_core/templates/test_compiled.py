"""The compiled form gives what the plain one does, whatever stands beside a line."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder_core.templates import Templates
from tests.encoder_core.templates.lines import LINES, STORED
from tests.encoder_core.templates.test_text import TEXTS

TEMPLATES = Templates()


def test_every_stored_line_has_its_stored_id():
    assert [f"{i:016x}" for i in TEMPLATES.batch(LINES).ids.tolist()] == [stored for stored, _ in STORED]
    assert len(set(LINES)) == 200


def test_both_forms_agree_on_lines_of_every_format():
    batch = TEMPLATES.batch(LINES)
    assert [batch.match(row) for row in range(len(batch))] == [TEMPLATES.of_text(line) for line in LINES]
    assert [batch.text(row) for row in range(len(batch))] == [
        TEMPLATES.of_text(line).template for line in LINES
    ]


@given(st.lists(TEXTS, max_size=8))
@settings(max_examples=300, deadline=None)
def test_both_forms_agree_on_any_text(texts):
    batch = TEMPLATES.batch(texts)
    assert [batch.match(row) for row in range(len(batch))] == [TEMPLATES.of_text(text) for text in texts]


def test_a_line_is_read_alike_in_any_order_and_in_any_batch():
    whole = TEMPLATES.batch(LINES).ids.tolist()
    assert TEMPLATES.batch(LINES[::-1]).ids.tolist() == whole[::-1]
    assert [TEMPLATES.batch([line]).ids.tolist()[0] for line in LINES] == whole


def test_another_process_gives_the_same_ids_and_compiles_nothing():
    ids = TEMPLATES.batch(LINES).ids.tolist()
    code = (
        "from encoder_core.templates import Templates, compiled\n"
        "from tests.encoder_core.templates.lines import LINES\n"
        "print(Templates().batch(LINES).ids.tolist())\n"
        "print([sum(kernel.stats.cache_misses.values()) for kernel in compiled.KERNELS])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [str(ids), "[0, 0]"]


def test_lines_may_lie_anywhere_in_the_buffer():
    buffer = np.frombuffer(b"7user=ann7;;port 12345x", dtype=np.uint8)
    batch = TEMPLATES.mask(buffer, np.array([12, 1]), np.array([22, 9]))
    assert [batch.text(0), batch.text(1)] == ["port <num>", "user=<*>"]
    assert [(int(b), int(e)) for b, e in zip(batch.begins, batch.ends, strict=True)] == [(17, 22), (6, 9)]


def test_bytes_that_are_no_utf_8_are_read():
    buffer = np.frombuffer(b"bad \xff\xfe 12", dtype=np.uint8)
    assert TEMPLATES.mask(buffer, np.array([0, len(buffer)])).text(0) == "bad \ufffd\ufffd <num>"


def test_a_batch_of_nothing_is_empty():
    assert len(TEMPLATES.batch([])) == 0
    assert TEMPLATES.batch([""]).text(0) == ""


def test_starts_and_ends_must_be_as_many():
    with pytest.raises(ValueError, match="as many starts as ends are needed, got 1 and 2"):
        TEMPLATES.mask(np.zeros(4, np.uint8), np.array([0]), np.array([1, 2]))


def test_templates_alone_never_import_numba():
    code = (
        "import sys, encoder_core.templates as t; t.Templates().of_text('a 1'); print('numba' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
