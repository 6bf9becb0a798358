"""Log text inside a text for a language model: one line that can't leave its block, whatever an attacker wrote."""

from __future__ import annotations

from datetime import datetime, timezone

from connectors.patterns import SlotSummary

QUOTE = "| "
"""What stands before each line that holds text of a log."""
FENCE = "```"
CUT = "…"


def quoted(text: str, most: int) -> str:
    """The text as one line of up to ``most`` bytes of UTF-8: so many tokens at most.

    Control characters, and those that have no look of their own (terminal sequences, marks that turn the direction,
    tags), are spelled; a backtick, which could end a block, is ``'``.
    """
    spelled = "".join(map(_spelled, text[: most + 1])).encode()
    if len(spelled) <= most:
        return spelled.decode()
    return spelled[: most - len(CUT.encode())].decode(errors="ignore") + CUT


def _spelled(character: str) -> str:
    if character == "`":
        return "'"
    if character.isprintable():
        return character
    if character == "\t":
        return " "
    code = ord(character)
    return {"\n": "\\n", "\r": "\\r"}.get(character) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65_536 else f"\\U{code:08x}"
    )


def told_slot(slot: SlotSummary) -> str:
    """One slot: its name and type, the range of its numbers, and examples."""
    spread = slot.least is not None and slot.most is not None and slot.least < slot.most
    span = f" {slot.least:g} to {slot.most:g}:" if spread else ""
    return f"{slot.slot} <{slot.type}>{span} {', '.join(slot.examples)}".rstrip()


def clock(seconds: float) -> str:
    """UTC date and minute of seconds since the epoch; a dash for a time that is not known."""
    if seconds <= 0:
        return "-"
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M")
