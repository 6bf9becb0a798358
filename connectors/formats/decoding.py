"""From bytes to text: UTF-8, UTF-16, else the Latin-1 of old daemons."""

from __future__ import annotations

from itertools import chain

NUL, REPLACEMENT = "\x00", "\ufffd"
NO_TEXT = "bytes that are no text"
"""The ``parse_error`` of a line of other bytes."""

_CONTROLS = bytes(chain(range(9), range(14, 27), range(28, 32), (11, 12, 127)))
_CONTROLS_TO_REPLACEMENT = dict.fromkeys(_CONTROLS, REPLACEMENT)
_MOST_CONTROLS = 0.1
_MOST_REPLACED = 0.3
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def decode(value: bytes) -> str:
    """The text of a value without byte order mark, NULs and line end. Never raises.

    UTF-16 is told by its mark or by NULs in every second place. What is no UTF-8 is read as Windows-1252, which
    Latin-1 text is too; but for text of UTF-8 with damaged places, which become U+FFFD, and for bytes that are no
    text, whose control characters do.
    """
    try:
        line = value.decode()
    except UnicodeDecodeError as error:
        line = _not_utf8(value, error)
    else:
        if NUL in line:
            line = _with_nul(value, line)
    return line.removeprefix("\ufeff").rstrip("\r\n")


def is_text(line: str) -> bool:
    """False for what ``decode`` made of bytes that are no text."""
    return REPLACEMENT not in line or line.count(REPLACEMENT) <= _MOST_REPLACED * len(line)


def _not_utf8(value: bytes, error: UnicodeDecodeError) -> str:
    if encoding := _utf16(value):
        return _decode_utf16(value, encoding)
    if len(value) - len(value.translate(None, _CONTROLS)) > _MOST_CONTROLS * len(value):
        replaced = value.decode("ascii", "replace").translate(_CONTROLS_TO_REPLACEMENT)
        return (
            replaced if not is_text(replaced) else value.decode("utf-8", "replace").replace(NUL, REPLACEMENT)
        )
    text = value.decode("utf-8", "replace").replace(NUL, REPLACEMENT)
    cut_short = error.reason == "unexpected end of data" and error.end == len(value)
    if cut_short or any(character > "\x7f" and character != REPLACEMENT for character in text):
        return text
    return value.decode("cp1252", "replace").replace(NUL, REPLACEMENT)


def _with_nul(value: bytes, line: str) -> str:
    if encoding := _utf16(value):
        return _decode_utf16(value, encoding)
    if len(value) - len(value.translate(None, _CONTROLS)) > _MOST_REPLACED * len(value):
        return line.translate(_CONTROLS_TO_REPLACEMENT)
    return line.replace(NUL, REPLACEMENT)


def _utf16(value: bytes) -> str | None:
    """The UTF-16 that a value is in; None for another encoding."""
    if encoding := _MARKS.get(value[:2]):
        return encoding
    pairs = len(value) // 2
    if pairs < 2:
        return None
    first, second = value[: 2 * pairs : 2].count(0), value[1 : 2 * pairs : 2].count(0)
    if second > 0.8 * pairs and first <= 0.05 * pairs:
        return "utf-16-le"
    return "utf-16-be" if first > 0.8 * pairs and second <= 0.05 * pairs else None


def _decode_utf16(value: bytes, encoding: str) -> str:
    """UTF-16 as text; half a character at the end is left out, as where a file was cut at its line feeds."""
    whole = value[: len(value) // 2 * 2]
    return whole.decode(encoding, "replace").replace(NUL, REPLACEMENT)
