"""An encoder that keeps vectors from run to run, in a temporary folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder_core import Bundle, Encoder
from encoder_core.encoder import Embedded

CACHE = Path(tempfile.gettempdir()) / "secencoder-detection"
MAX_TOKENS = 128


class KeptVectors:
    """The shipped encoder, whose vectors of each text are kept by a hash of it."""

    def __init__(self) -> None:
        self._encoder = Encoder.from_path(max_tokens=MAX_TOKENS)
        self._path = CACHE / f"vectors-{self.bundle.sha256[:16]}.npz"
        self._new = False
        self._known: dict[bytes, tuple[NDArray[np.float32], bool]] = {}
        if self._path.is_file():
            with np.load(self._path, allow_pickle=False) as kept:
                rows = zip(kept["keys"], kept["vectors"], kept["flags"].tolist(), strict=True)
                self._known = {key.tobytes(): (vector, flag) for key, vector, flag in rows}

    @property
    def bundle(self) -> Bundle:
        return self._encoder.bundle

    @property
    def dim(self) -> int:
        return self._encoder.dim

    def embed_and_flag(self, lines: Sequence[str]) -> Embedded:
        """As an encoder does."""
        keys = [hashlib.sha256(line.encode("utf-8", "surrogatepass")).digest() for line in lines]
        missing = {key: line for key, line in zip(keys, lines, strict=True) if key not in self._known}
        if missing:
            self._new = True
            found = self._encoder.embed_and_flag(list(missing.values()))
            for key, vector, flag in zip(missing, found.vectors, found[1].tolist(), strict=True):
                self._known[key] = (vector, flag)
        vectors = [self._known[key][0] for key in keys]
        flags = np.array([self._known[key][1] for key in keys], dtype=bool)
        return Embedded(np.array(vectors, dtype=np.float32).reshape(len(lines), self.dim), flags)

    def embed(self, lines: Sequence[str]) -> NDArray[np.float32]:
        """As an encoder does."""
        return self.embed_and_flag(lines).vectors

    def save(self) -> None:
        """Keeps what is new for the next run."""
        if not self._new:
            return
        CACHE.mkdir(exist_ok=True)
        part = self._path.with_suffix(f".{os.getpid()}")
        vectors, flags = zip(*self._known.values(), strict=True)
        with part.open("wb") as target:
            np.savez(
                target,
                keys=np.frombuffer(b"".join(self._known), dtype=np.uint8).reshape(-1, 32),
                vectors=np.stack(vectors),
                flags=np.array(flags),
            )
        part.rename(self._path)
        self._new = False


@lru_cache(maxsize=1)
def encoder() -> KeptVectors:
    """The one of this process."""
    return KeptVectors()
