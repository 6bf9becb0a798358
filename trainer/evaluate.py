"""Intrinsic evaluation: perplexity (paper Equation 2) and masked accuracy (Equation 3) on held-out lines.

Every figure stands beside a unigram model's on the very same masked tokens.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
from transformers import DebertaV2ForMaskedLM

from trainer.corpus import CorpusError
from trainer.dataset import TokenLines, pad_rows
from trainer.masking import IGNORED, mask_content
from trainer.model import masked_logits
from trainer.tokenizer import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, content_tokens, special_id

MAX_LENGTH = 256
BATCH_ROWS = 64
MASK_PROBABILITY = 0.15
SEED = 11


def load_test_lines(path: Path) -> list[str]:
    """The ``line`` of each record of a JSONL file, plain or gzip."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as stream:
            lines = [json.loads(record)["line"] for record in stream]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}: expected JSON lines with a field 'line': {error!r}") from error
    if not lines or not all(isinstance(line, str) for line in lines):
        raise CorpusError(f"{path}: expected JSON lines with a field 'line' that holds text")
    return lines


def number_masked(line: str) -> str:
    """The line with every digit run as ``0``: lines that differ in numbers only become equal."""
    return re.sub(r"\d+", "0", line)


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one model on one set of lines."""

    lines: int
    predictions: int
    perplexity: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Unigram:
    """Content-token shares of the training text with add-one smoothing."""

    log_shares: NDArray[np.float64]

    @classmethod
    def of(cls, tokens: TokenLines, content: Sequence[bool]) -> Unigram:
        """The unigram model of tokenised training lines."""
        counts = np.bincount(tokens.ids, minlength=len(content)).astype(np.float64)
        counts = np.where(content, counts + 1, 0)
        return cls(np.log(np.maximum(counts, 1e-300) / counts.sum()))


class Tally:
    """Sums of one model's predictions."""

    def __init__(self) -> None:
        self.loss, self.right, self.predictions = 0.0, 0, 0

    def add(self, losses: torch.Tensor, right: torch.Tensor) -> None:
        """Losses in nats and hits of some predictions."""
        self.loss += float(losses.double().sum())
        self.right += int(right.sum())
        self.predictions += len(losses)

    def score(self, lines: int) -> Score:
        """Perplexity and accuracy of all that was added."""
        predictions = max(self.predictions, 1)
        return Score(lines, self.predictions, math.exp(self.loss / predictions), self.right / predictions)


@torch.no_grad()
def evaluate_lines(
    model: DebertaV2ForMaskedLM, tokenizer: Tokenizer, unigram: Unigram, lines: Sequence[str]
) -> tuple[Score, Score]:
    """The model's score and the unigram's, on the same masked content tokens of the same lines.

    Lines are cut to ``MAX_LENGTH`` tokens; 15 % of the content tokens are chosen with a fixed seed, and all of them
    become ``[MASK]``.
    """
    content = torch.tensor(content_tokens(tokenizer))
    ids = {name: special_id(tokenizer, token) for name, token in (("cls", CLS), ("sep", SEP), ("pad", PAD))}
    mask_id = special_id(tokenizer, MASK)
    shares = torch.from_numpy(unigram.log_shares)
    most_frequent = int(shares.argmax())
    generator = torch.Generator().manual_seed(SEED)
    ours, baseline = Tally(), Tally()
    encodings = tokenizer.encode_batch_fast(list(lines), add_special_tokens=False)
    rows = sorted((np.asarray(e.ids[: MAX_LENGTH - 2], dtype=np.uint16) for e in encodings), key=len)
    for start in range(0, len(rows), BATCH_ROWS):
        batch = pad_rows(
            rows[start : start + BATCH_ROWS], cls_id=ids["cls"], sep_id=ids["sep"], pad_id=ids["pad"]
        )
        _, labels = mask_content(
            batch.ids, content, mask_id=mask_id, first_word_id=len(SPECIAL_TOKENS), probability=MASK_PROBABILITY,
            generator=generator,
        )  # fmt: skip
        targets = labels[labels != IGNORED]
        if not len(targets):
            continue
        inputs = batch.ids.masked_fill(labels != IGNORED, mask_id)
        logits = masked_logits(model, inputs, batch.attention, labels)
        ours.add(
            nn.functional.cross_entropy(logits, targets, reduction="none"), logits.argmax(dim=1) == targets
        )
        baseline.add(-shares[targets], targets == most_frequent)
    return ours.score(len(lines)), baseline.score(len(lines))


def evaluate(
    model: DebertaV2ForMaskedLM,
    tokenizer: Tokenizer,
    unigram: Unigram,
    tests: Iterable[Path],
    corpus_lines: Iterable[str],
) -> list[dict[str, object]]:
    """One row per test file, and one for those of its lines that equal no corpus line once numbers are masked.

    The second is left out when all lines or none are such.
    """
    seen = {hash(number_masked(line)) for line in corpus_lines}
    rows: list[dict[str, object]] = []
    for path in tests:
        lines = load_test_lines(path)
        new = [line for line in lines if hash(number_masked(line)) not in seen]
        name = path.name.split(".")[0]
        subsets = {name: lines}
        if 0 < len(new) < len(lines):
            subsets[f"{name}, unseen forms"] = new
        for subset, chosen in subsets.items():
            ours, baseline = evaluate_lines(model, tokenizer, unigram, chosen)
            rows.append(
                {"set": subset, **asdict(ours), **{f"unigram_{k}": v for k, v in asdict(baseline).items()}}
            )
    return rows


def markdown_table(rows: Sequence[dict[str, object]]) -> str:
    """The rows as a Markdown table in the manner of the paper's Table 2."""
    lines = [
        "| set | lines | masked tokens | perplexity | masked accuracy | unigram perplexity | unigram accuracy |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row['set']} | {row['lines']:,} | {row['predictions']:,} | {row['perplexity']:.1f} | "
            f"{row['accuracy']:.1%} | {row['unigram_perplexity']:.0f} | {row['unigram_accuracy']:.1%} |"
        )
    return "\n".join(lines)
