"""What a contrastive training begins with: a masked language model, and what is known of its entries beforehand."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import DebertaV2ForMaskedLM

from trainer.contrast.items import WORDS
from trainer.contrast.model import WeightedEncoder, add_entries, begin_weights
from trainer.contrast.placeholders import is_quiet, spelled
from trainer.contrast.store import NO_TEACHER, Items


def beginning(
    lm: DebertaV2ForMaskedLM,
    tokenizer: Tokenizer,
    plain: Tokenizer,
    items: Items,
    teacher: NDArray[np.float16],
    *,
    words: bool,
    repeats: float = 0.0,
) -> WeightedEncoder:
    """The model at step 0, with entries for the placeholders that ``tokenizer`` has and ``plain``, its own, has not.

    teacher: vectors (rows, dim). words: whether entries that are words begin with the teacher's vectors of them; the
    layers then understand the table no more. repeats: see ``WeightedEncoder``.
    """
    add_entries(lm, spelled(tokenizer, plain))
    model = WeightedEncoder(lm, repeats)
    begin_weights(model, is_quiet(tokenizer))
    if words:
        begin_words(lm, *known_words(items, tokenizer, teacher))
    return model


def begin_tokens(model: WeightedEncoder, tokens: NDArray[np.float32]) -> None:
    """Takes over the weights of tokens, float32 (entries,), that an earlier training by contrast has learnt."""
    with torch.no_grad():
        model.token_weights[: len(tokens)] = torch.from_numpy(np.log(np.maximum(tokens, 1e-30)))


def known_words(
    items: Items, tokenizer: Tokenizer, teacher: NDArray[np.float16]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Entries that are words the teacher was asked about, int64 (n,), and its unit vectors of them, (n, dim)."""
    source = np.array([name["domain"] == WORDS for name in items.names], np.bool_)
    texts = items.texts[:-1][source[items.sources]]
    rows = {
        tokenizer.decode(items.row(text).astype(int).tolist()).strip(): int(items.teacher[text])
        for text in texts
        if items.teacher[text] != NO_TEACHER
    }
    found = []
    for index in range(tokenizer.get_vocab_size()):
        row = rows.get(tokenizer.decode([index]).strip())
        if row is not None:
            found.append((index, row))
    entries = np.array(found, np.int64).reshape(-1, 2)
    vectors = teacher[entries[:, 1]].astype(np.float32)
    return entries[:, 0], vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def begin_words(lm: DebertaV2ForMaskedLM, entries: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
    """Replaces rows of the token table by vectors in their principal directions, the most telling numbers first.

    Rows are scaled as the others of the table are. Where vectors are shorter, a row's last numbers stay.
    """
    if len(entries) < 2:
        return
    table = lm.deberta.embeddings.word_embeddings.weight
    centred = vectors - vectors.mean(0)
    directions = np.linalg.eigh(centred.T @ centred)[1].T[::-1][: table.shape[1]]
    rows = centred @ directions.T
    with torch.no_grad():
        scale = float(table.std())
        rows *= scale / np.maximum(rows.std(1, keepdims=True), 1e-12)
        table[torch.from_numpy(entries), : rows.shape[1]] = torch.from_numpy(rows)
