from __future__ import annotations

from benchmarks.detection import report


def test_the_page_on_detection_is_made_from_the_results():
    text = report.PAGE.read_text(encoding="utf-8")
    assert report.read()
    assert report.updated(text, report.read()) == text
