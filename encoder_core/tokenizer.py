"""Text to token ids, cut to a length, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as BackendTokenizer

from encoder_core.bundle import BundleError

LONGEST_TOKEN = 32
"""Characters of the longest vocabulary entry: text past ``max_tokens`` times this can't reach the model."""


class Tokenizer:
    """The bundle's tokenizer with truncation to ``max_tokens``, ``[CLS]`` and ``[SEP]`` included."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        if max_tokens < 3:
            raise ValueError(f"max_tokens must be at least 3 ([CLS], one token, [SEP]), got {max_tokens}")
        try:
            self._backend = BackendTokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception for whatever is wrong with the file
            raise BundleError(f"{path}: is not a tokenizer: {error}") from error
        self._backend.encode_special_tokens = True  # "[MASK]" inside a log line is text
        self._backend.no_padding()
        self._backend.enable_truncation(
            max_tokens + 1
        )  # one more, to tell a cut line from one that just fits
        self.max_tokens = max_tokens
        self.pad_id = self._backend.token_to_id("[PAD]") or 0

    def encode(self, texts: Sequence[str]) -> tuple[list[NDArray[np.int64]], list[bool]]:
        """Token ids of each text, int64 (tokens,) with 2 <= tokens <= max_tokens, and whether it was cut."""
        limit = (self.max_tokens + 1) * LONGEST_TOKEN
        encodings = self._backend.encode_batch_fast([text[:limit] for text in texts])
        rows = [np.asarray(encoding.ids, dtype=np.int64) for encoding in encodings]
        cut = [len(row) > self.max_tokens for row in rows]
        return [shortened(row) if over else row for row, over in zip(rows, cut, strict=True)], cut


def shortened(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """A framed row without its last token before the final ``[SEP]``."""
    return np.delete(row, -2)
