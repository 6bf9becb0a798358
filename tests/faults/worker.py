"""``secencoder`` with a stand-in encoder, marked lines that fail, and faults that a file switches on.

No ONNX runs: a line's vector is the hash of its text. A line with one of the marks fails in the part it names. While
a file with a part's name is in the folder ``$FAULTS``, that part fails for every line: a fault of ours, not the line's.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes import Reader
from connectors.envelopes.unread import Unread
from connectors.records import Record
from encoder_core.encoder import Embedded, EncoderStats
from tests.fakes import unit

DIM = 32
FOLDER, PAUSE = "FAULTS", "FAULTS_PAUSE"
"""Environment variables: the folder of the switches, and seconds that every call of the encoder takes."""
UNUSUAL = 32
"""One line in so many points anywhere, the others about one way: there is something to flag."""
PARTS = ("parser", "encoder", "detection")
MARKS = {part: f"breaks-the-{part}" for part in PARTS}
parse = Reader.parse


class PartError(RuntimeError):
    """What a broken part raises."""


class Exploding(dict[str, str]):
    """Columns that no one can look at: detection is what does."""

    def _raise(self, *_: object) -> Any:
        raise PartError("detection can't take this line")

    __iter__ = __len__ = __getitem__ = __contains__ = items = keys = values = get = _raise  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self._raise()


class HashEmbedder:
    """An embedder without a model: the unit vector of a line is made of its hash."""

    def __init__(self) -> None:
        self.dim = DIM
        self.bundle = SimpleNamespace(
            name="hash", version="1", sha256="0" * 64, identity="hash@1#000000000000", manifest={}, dim=DIM
        )
        self.stats = EncoderStats()
        self.cache = SimpleNamespace(bytes=0)
        self._pause = float(os.environ.get(PAUSE, "0"))

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        time.sleep(self._pause)
        raise_if_broken("encoder", lines)
        self.stats = replace(self.stats, lines=self.stats.lines + len(lines))
        return Embedded(self.embed(lines), np.zeros(len(lines), dtype=bool))

    def count_words(self, text: str) -> tuple[int, int]:
        return len(text.split()), 0

    def embed(self, lines: Sequence[str]) -> NDArray[np.float32]:
        digests = b"".join(
            hashlib.blake2b(line.encode("utf-8", "replace"), digest_size=DIM).digest() for line in lines
        )
        bits = np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIM)
        vectors = unit(bits - np.float32(127.5))
        usual = bits[:, 0] % UNUSUAL != 0
        vectors[usual] = unit(0.5 * vectors[usual] + np.float32(DIM**-0.5))
        return vectors


def raise_if_broken(part: str, lines: Sequence[str] = ()) -> None:
    """Raises PartError when the part is switched off or a line is marked."""
    if broken(part) or any(MARKS[part] in line for line in lines):
        raise PartError(f"a broken {part}")


def broken(part: str) -> bool:
    """Whether a part's switch is on."""
    folder = os.environ.get(FOLDER)
    return folder is not None and Path(folder, part).exists()


def parser(reader: Reader, unread: Unread) -> Record | None:
    """The real parser, which breaks where it is told to."""
    text = str(unread.line)
    raise_if_broken("parser", [text[:500]])
    record = parse(reader, unread)
    if record is not None and (broken("detection") or MARKS["detection"] in text[:500]):
        record.fields = Exploding()
    return record


def main() -> None:
    """``secencoder`` with the stand-ins in place, before anything else imports what they stand in for."""
    Reader.parse = parser  # type: ignore[method-assign]
    from stream_processors import assembly

    assembly.make_embedder = lambda *_, **__: HashEmbedder()  # type: ignore[assignment,return-value]
    from stream_processors.cli import main as secencoder

    secencoder()


if __name__ == "__main__":
    main()
