from __future__ import annotations

from types import SimpleNamespace

from encoder_core.cascade import Cascade
from encoder_core.encoder import EncoderStats
from stream_processors.operations.report import EncoderReport


def encoder(**counted: int) -> SimpleNamespace:
    """An encoder that has done this much."""
    return SimpleNamespace(dim=4, stats=EncoderStats(**counted), cache=SimpleNamespace(bytes=3 << 19))


def test_a_report_says_what_came_since_the_last_one():
    busy = encoder(lines=1_000, computed=900)
    told = EncoderReport(busy)
    busy.stats = EncoderStats(lines=3_000, computed=1_400, cut=7, tokens=900, padding=100)
    assert told.report() == ("encoder: 2,000 texts, hit rate 75.0%, 7 cut, padding 10.0%, cache 1.5 MB")
    busy.stats = EncoderStats(lines=3_001, computed=1_401, cut=8, tokens=910, padding=100)
    assert told.report() == "encoder: 1 texts, hit rate 0.0%, 1 cut, padding 0.0%, cache 1.5 MB"


def test_without_lines_there_is_nothing_to_report():
    busy = encoder(lines=5)
    told = EncoderReport(busy)
    assert told.report() is None
    busy.stats = EncoderStats(lines=6)
    assert told.report()
    assert told.report() is None


def test_of_a_cascade_it_says_how_many_lines_reached_the_full_encoder():
    static, full = encoder(), encoder()
    told = EncoderReport(Cascade(static, full, similarity=0.9))
    static.stats = EncoderStats(lines=500, computed=100)
    first = told.report()
    assert first.startswith("static encoder: 500 texts, hit rate 80.0%")
    assert "; escalated to the full encoder: 0 texts" in first
    static.stats, full.stats = EncoderStats(lines=900, computed=100), EncoderStats(lines=12, computed=12)
    assert "; escalated to the full encoder: 12 texts" in told.report()
