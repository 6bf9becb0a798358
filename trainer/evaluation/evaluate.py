"""Intrinsic evaluation: perplexity (paper Equation 2) and masked accuracy (Equation 3).

Every figure stands beside a unigram model's on the very same masked tokens, and lines whose template is that of no
training line are also reported apart. ``trainer.evaluation.results`` keeps the figures of all models.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zstandard
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
from transformers import DebertaV2ForMaskedLM

from encoder_core.batching import pad_rows, token_budget_batches
from trainer.data.corpus import CorpusError
from trainer.data.lsh import batches
from trainer.data.templates import template_ids
from trainer.pretraining.masking import IGNORED, mask_tokens
from trainer.pretraining.model import masked_logits
from trainer.vocabulary.tokenizer import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, content_tokens, special_id
from trainer.vocabulary.tokens import LINE_LIMIT

BATCH_TOKENS = 16_384
CHUNK = 1 << 24
"""Tokens of a memory map counted at once."""
MASK_PROBABILITY = 0.15
SEED = 11


def load_test_lines(path: Path) -> list[str]:
    """The ``line`` of each record of a JSONL file, plain, gzip or zstd. Raises CorpusError."""
    try:
        with path.open("rb") as raw:
            stream: Any = raw
            if path.suffix == ".zst":
                stream = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
            elif path.suffix == ".gz":
                stream = gzip.GzipFile(fileobj=raw)
            lines = [json.loads(record)["line"] for record in stream]
    except (OSError, EOFError, zlib.error, zstandard.ZstdError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}: expected JSON lines with a field 'line': {error!r}") from error
    if not lines or not all(isinstance(line, str) for line in lines):
        raise CorpusError(f"{path}: expected JSON lines with a field 'line' that holds text")
    return lines


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
    def of(cls, ids: NDArray[np.uint16], content: Sequence[bool]) -> Unigram:
        """The unigram model of training tokens (tokens,), which may be a memory map of any size."""
        counts = np.zeros(len(content))
        for start in range(0, len(ids), CHUNK):
            counts += np.bincount(ids[start : start + CHUNK], minlength=len(content))
        counts = np.where(content, counts + 1, 0)
        return cls(np.log(np.maximum(counts, 1e-300)) - np.log(counts.sum()))


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
        """Perplexity, the exponential of the mean loss, and accuracy of all that was added."""
        predictions = max(self.predictions, 1)
        return Score(lines, self.predictions, math.exp(self.loss / predictions), self.right / predictions)


@torch.no_grad()
def evaluate_lines(
    model: DebertaV2ForMaskedLM,
    tokenizer: Tokenizer,
    unigram: Unigram,
    lines: Sequence[str],
    *,
    max_length: int = 256,
) -> tuple[Score, Score]:
    """The model's score and the unigram's, on the same masked content tokens of the same lines.

    Lines are cut to ``max_length`` tokens; 15 % of the content tokens are chosen with a fixed seed, and all of them
    become ``[MASK]``.
    """
    content = torch.tensor(content_tokens(tokenizer))
    cls_id, sep_id, pad_id, mask_id = (special_id(tokenizer, token) for token in (CLS, SEP, PAD, MASK))
    shares = torch.from_numpy(unigram.log_shares)
    most_frequent = int(shares.argmax())
    generator = torch.Generator().manual_seed(SEED)
    ours, baseline = Tally(), Tally()
    encodings = tokenizer.encode_batch_fast([line[:LINE_LIMIT] for line in lines], add_special_tokens=False)
    rows = [np.array([cls_id, *e.ids[: max_length - 2], sep_id], dtype=np.int64) for e in encodings]
    for batch in token_budget_batches([len(row) for row in rows], BATCH_TOKENS):
        ids, attention = map(torch.from_numpy, pad_rows([rows[index] for index in batch], pad_id))
        _, labels = mask_tokens(
            ids, content, mask_id=mask_id, first_word_id=len(SPECIAL_TOKENS), probability=MASK_PROBABILITY,
            generator=generator,
        )  # fmt: skip
        targets = labels[labels != IGNORED]
        if not len(targets):
            continue
        inputs = ids.masked_fill(labels != IGNORED, mask_id)
        logits = masked_logits(model, inputs, attention, labels)
        ours.add(
            nn.functional.cross_entropy(logits, targets, reduction="none"), logits.argmax(dim=1) == targets
        )
        baseline.add(-shares[targets], targets == most_frequent)
    return ours.score(len(lines)), baseline.score(len(lines))


def evaluate(
    model: DebertaV2ForMaskedLM,
    tokenizer: Tokenizer,
    unigram: Unigram,
    tests: Mapping[str, Sequence[str]],
    training_lines: Iterable[str],
    *,
    max_length: int = 256,
) -> list[dict[str, Any]]:
    """For each test set a row of figures, and one of its unseen forms unless all of its lines or none are such.

    tests: lines by the set's name. training_lines: streamed once; only the tests' own forms are kept in memory.
    """
    unseen = np.concatenate([template_ids(lines) for lines in tests.values()])
    for batch in batches(iter(training_lines)):
        unseen = np.setdiff1d(unseen, template_ids(batch))
    rows = []
    for name, lines in tests.items():
        new = [lines[row] for row in np.flatnonzero(np.isin(template_ids(lines), unseen)).tolist()]
        subsets = {"all": lines} | ({"unseen": new} if 0 < len(new) < len(lines) else {})
        for forms, chosen in subsets.items():
            ours, baseline = evaluate_lines(model, tokenizer, unigram, chosen, max_length=max_length)
            rows.append(
                {"set": name, "forms": forms, **asdict(ours)}
                | {"unigram_perplexity": baseline.perplexity, "unigram_accuracy": baseline.accuracy}
            )
    return rows
