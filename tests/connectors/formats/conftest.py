"""The clock that times without a year are read against."""

import calendar

import pytest


@pytest.fixture
def at(monkeypatch):
    """Sets it: ``at(2024, 1, 3)``; gives its epoch seconds."""

    def set_clock(*parts):
        now = float(calendar.timegm((*parts, 0, 0, 0)[:6]))
        monkeypatch.setattr("connectors.formats.clock.time.time", lambda: now)
        return now

    return set_clock
