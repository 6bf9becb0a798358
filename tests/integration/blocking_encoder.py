"""``secencoder`` with an encoder that holds on to a batch with a marked line until the file in ``$GATE`` exists.

While it holds on there is a file named ``<gate>.waiting``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from encoder_core.encoder import Embedded, Encoder
from stream_processors.cli import main

MARK = "core dump"
embed_and_flag = Encoder.embed_and_flag


def blocking(self: Encoder, lines: Sequence[str]) -> Embedded:
    """Waits for the gate when a line is marked; lines are then cut short, to be quick."""
    gate = Path(os.environ["GATE"])
    if any(MARK in line for line in lines):
        gate.with_suffix(".waiting").touch()
        while not gate.exists():
            time.sleep(0.02)
    return embed_and_flag(self, [line[:100] for line in lines])


if __name__ == "__main__":
    Encoder.embed_and_flag = blocking  # type: ignore[method-assign]
    main()
