"""What the encoders have done lately, as a line for the log: figures only, nothing of the lines themselves."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from encoder_core.cascade import Cascade

if TYPE_CHECKING:
    from encoder_core import Encoder
    from encoder_core.encoder import EncoderStats


class EncoderReport:
    """Figures of an encoder, or of both in a cascade, between one report and the next."""

    def __init__(self, embedder: Encoder | Cascade) -> None:
        self._encoders: dict[str, Encoder] = (
            {"static encoder": embedder.static, "escalated to the full encoder": embedder.full}
            if isinstance(embedder, Cascade)
            else {"encoder": embedder}
        )
        self._reported = {name: encoder.stats for name, encoder in self._encoders.items()}

    def report(self) -> str | None:
        """The figures since the last report; None when it was given no text."""
        now = {name: encoder.stats for name, encoder in self._encoders.items()}
        new = {name: since(self._reported[name], stats) for name, stats in now.items()}
        if not any(stats.lines for stats in new.values()):
            return None
        self._reported = now
        return "; ".join(
            f"{name}: {stats.lines:,} texts, hit rate {stats.hit_rate:.1%}, {stats.cut:,} cut, "
            f"padding {stats.padding_share:.1%}, cache {self._encoders[name].cache.bytes / (1 << 20):.1f} MB"
            for name, stats in new.items()
        )


def since(before: EncoderStats, now: EncoderStats) -> EncoderStats:
    """What was counted between two states of the counters."""
    return replace(now, **{f.name: getattr(now, f.name) - getattr(before, f.name) for f in fields(now)})
