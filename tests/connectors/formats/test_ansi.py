"""Escape sequences of terminals."""

import pytest

from connectors.formats import parse
from connectors.formats.ansi import without_escapes


class TestEscapes:
    @pytest.mark.parametrize(
        "coloured",
        [
            "\x1b[31mdisk\x1b[0m is full",
            "\x1b[1;38;5;208mdisk\x1b[m is full",
            "\x1b[38:2::1:2:3mdisk is full\x1b[K",
            "\x1b]0;title\x07disk is full",
            "\x1b]8;;https://example.com/\x1b\\disk\x1b]8;;\x1b\\ is full",
            "\x1b(Bdisk is full\x1b7",
            "\x1b[?25ldisk is full\x1b[2J",
            "#033[31mdisk#033[0m is full",
        ],
    )
    def test_they_are_taken_out(self, coloured):
        assert without_escapes(coloured) == "disk is full"

    @pytest.mark.parametrize("text", ["plain", "array[31m]", "\x1b", "#033", "\x1b["])
    def test_all_else_stays(self, text):
        assert without_escapes(text) == text

    def test_the_time_and_the_level_behind_colours_are_found(self):
        coloured = parse(
            b"\x1b[90m[2024-01-02 03:04:05]\x1b[0m \x1b[31merror\x1b[39m: \x1b[1mdisk is full\x1b[22m"
        )
        assert coloured == parse(b"[2024-01-02 03:04:05] error: disk is full")
        assert (coloured.text, coloured.time, coloured.severity) == ("disk is full", 1704164645, 17)

    def test_a_line_of_escapes_alone_is_empty(self):
        assert parse(b"\x1b[0m\x1b[K").parse_error == "empty value"
