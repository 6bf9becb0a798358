"""Text to token ids, cut to a length, without padding.

Pieces of a text (words, groups of digits, signs) are tokenised independently of each other, and logs repeat them all
the time, so the ids of a piece are looked up in a table; only new pieces reach the byte-pair encoding. That covers
ASCII lines of bundles with our own vocabularies; all others go through the tokenizers library whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as BackendTokenizer

from encoder_core.bundle import BundleError

PIECES = r" ?\p{L}+|\p{N}{1,4}| ?[^\s\p{L}\p{N}]|\s+"
"""How the trainer's vocabularies split a text (paper section 3.2: punctuation apart, at most four digits)."""
ASCII_PIECES = re.compile(r" ?[A-Za-z]+|[0-9]{1,4}| ?[^\sA-Za-z0-9]|\s+", re.ASCII)
"""The same for ASCII text, in Python's syntax."""
SPELLED = re.compile(r"<[a-z*]{1,8}>", re.ASCII)
"""An entry of its own that a vocabulary may have for a placeholder; it takes the white space before it."""
KNOWN_PIECES = 1 << 15
"""Pieces kept; when there are more the table begins anew."""
LONGEST_PIECE = 64
"""Characters of a piece that is kept."""
LONGEST_TOKEN = 32
"""Characters of the longest vocabulary entry: text past ``max_tokens`` times this can't reach the model."""
USUAL_TOKEN = 8
"""Characters a token that few texts exceed: so much of a long text is looked at first."""
WORD = re.compile(r"[^\W\d_]{2,}")
KNOWN_LETTERS = 3.0
"""Letters of a word for each of its tokens from which on the vocabulary knows its parts: ``back``, ``up``."""
Row = NDArray[np.int64]


class PieceTable(dict[str, tuple[int, ...]]):
    """Token ids of each piece seen, bounded."""

    def __init__(self, backend: BackendTokenizer) -> None:
        super().__init__()
        self._backend = backend

    def __missing__(self, piece: str) -> tuple[int, ...]:
        ids = tuple(self._backend.encode(piece, add_special_tokens=False).ids)
        if len(piece) <= LONGEST_PIECE:
            if len(self) >= KNOWN_PIECES:
                self.clear()
            self[piece] = ids
        return ids

    def ids_of(self, pieces: Sequence[str]) -> list[int]:
        """The ids of all pieces in order."""
        return list(chain.from_iterable(map(self.__getitem__, pieces)))


class Tokenizer:
    """The bundle's tokenizer with truncation to ``max_tokens``, ``[CLS]`` and ``[SEP]`` included."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        if max_tokens < 3:
            raise ValueError(f"max_tokens must be at least 3 ([CLS], one token, [SEP]), got {max_tokens}")
        try:
            backend = BackendTokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception for whatever is wrong with the file
            raise BundleError(f"{path}: is not a tokenizer: {error}") from error
        backend.encode_special_tokens = True  # "[MASK]" inside a log line is text
        backend.no_padding()
        backend.no_truncation()
        self._pieces = PieceTable(backend) if splits_into_pieces(path) else None
        self._split = ascii_pieces(placeholders(json.loads(path.read_bytes())))
        self._words, self._unknown = PieceTable(backend), backend.token_to_id("[UNK]")
        self._frame = backend.encode("").ids
        self._whole = BackendTokenizer.from_str(backend.to_str())
        self._whole.encode_special_tokens = True
        self._whole.enable_truncation(max_tokens + 1)  # one more, to tell a cut line from one that just fits
        self.max_tokens = max_tokens
        self.pad_id = backend.token_to_id("[PAD]") or 0

    def encode(self, texts: Sequence[str]) -> tuple[list[Row], list[bool]]:
        """Token ids of each text, int64 (tokens,) with 2 <= tokens <= max_tokens, and whether it was cut."""
        rows: list[Row | None] = [None] * len(texts)
        others = list(range(len(texts)))
        if self._pieces is not None:
            others = [place for place, text in enumerate(texts) if not text.isascii()]
            for place, text in enumerate(texts):
                if text.isascii():
                    rows[place] = self._framed(text, self._pieces)
        limit = (self.max_tokens + 1) * LONGEST_TOKEN
        encodings = (
            self._whole.encode_batch_fast([texts[place][:limit] for place in others]) if others else []
        )
        for place, encoding in zip(others, encodings, strict=True):
            rows[place] = np.array(encoding.ids, dtype=np.int64)
        found = [row for row in rows if row is not None]
        cut = [len(row) > self.max_tokens for row in found]
        return [shortened(row) if over else row for row, over in zip(found, cut, strict=True)], cut

    def count_words(self, text: str) -> tuple[int, int]:
        """Words of a text, of two letters or more, and those of them that the vocabulary does not know.

        A byte-level vocabulary has a token for anything: a word that it does not know is spelled, in pieces of a few
        letters or bytes that say nothing of what it means.
        """
        words = WORD.findall(text[: self.max_tokens * LONGEST_TOKEN])
        return len(words), sum(map(self._spells, words))

    def _spells(self, word: str) -> bool:
        ids = self._words[f" {word}"]
        return self._unknown in ids or (len(ids) > 1 and len(word) < KNOWN_LETTERS * len(ids))

    def _framed(self, text: str, pieces: PieceTable) -> Row:
        """Ids of an ASCII text with [CLS] and [SEP], at most one more than ``max_tokens``."""
        most = self.max_tokens - 1  # one more than fits between the two
        ids: list[int] = []
        if len(text) > USUAL_TOKEN * most:  # without the last piece, which may go on
            ids = pieces.ids_of(self._split.findall(text[: USUAL_TOKEN * most])[:-1])
        if len(ids) < most:
            ids = pieces.ids_of(self._split.findall(text[: (self.max_tokens + 1) * LONGEST_TOKEN]))
        return np.array([self._frame[0], *ids[:most], self._frame[1]], dtype=np.int64)


def placeholders(content: dict[str, Any]) -> list[str]:
    """The placeholders that a tokenizer file reads as one token, with the white space before it."""
    added = content.get("added_tokens") or []
    return [
        entry["content"] for entry in added if SPELLED.fullmatch(entry["content"]) and entry.get("lstrip")
    ]


def ascii_pieces(spelled: Sequence[str]) -> re.Pattern[str]:
    """``ASCII_PIECES`` for a vocabulary that has entries of its own for placeholders."""
    if not spelled:
        return ASCII_PIECES
    entries = rf"\s*(?:{'|'.join(map(re.escape, spelled))})"
    return re.compile(f"{entries}|{ASCII_PIECES.pattern}", re.ASCII)


def splits_into_pieces(path: Path) -> bool:
    """Whether a tokenizer file is one whose pieces ``PIECES`` finds and which adds no more than placeholders."""
    content = json.loads(path.read_bytes())
    words = [entry["content"] for entry in content.get("added_tokens") or [] if not entry.get("special")]
    steps = (content.get("pre_tokenizer") or {}).get("pretokenizers") or [{}]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    template = (content.get("post_processor") or {}).get("single") or []
    return (
        content.get("normalizer") is None
        and steps[0].get("pattern") == {"Regex": PIECES}
        and steps[0].get("behavior") == "Isolated"
        and not steps[0].get("invert")
        and steps[1:] == [byte_level]
        and [next(iter(part)) for part in template] == ["SpecialToken", "Sequence", "SpecialToken"]
        and content.get("model", {}).get("type") == "BPE"
        and not content["model"].get("dropout")
        and words == placeholders(content)
    )


def shortened(row: Row) -> Row:
    """A framed row without the last token before the final ``[SEP]``."""
    return np.delete(row, -2)
