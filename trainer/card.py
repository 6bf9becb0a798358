"""The model card that goes into a bundle as README.md."""

from __future__ import annotations

from typing import Any

from trainer.evaluate import MASK_PROBABILITY, MAX_LENGTH, markdown_table

CARD = """---
license: apache-2.0
library_name: sentence-transformers
tags: [logs, security, deberta-v2, feature-extraction]
---

# {name} {version}

A small DeBERTa-v2 encoder for log lines, pretrained from scratch with the delimiter-aware masked language modelling
of *SecEncoder: Logs are All You Need in Security* (2024). It is not Microsoft's model, whose weights are closed.

{layers} layers, {hidden} wide, {heads} heads, {buckets} position buckets, {vocabulary:,} byte-level BPE entries,
{parameters:,} parameters. An embedding is the masked mean of the last hidden states, {hidden} dimensions.

## Training

{data}

{steps:,} steps of at most {batch_tokens:,} tokens (padding included), lines cropped to {max_length} tokens, one pass
being {lines:,} lines and {corpus_tokens:,} tokens; AdamW, cosine schedule from {learning_rate}. {mask:.0%} of the
content tokens are predicted; punctuation and white space never are. This is a first, short training run on a CPU: a
model to build on, not one to compare with large ones.

## Measured

On lines the model did not train on, {test_mask:.0%} of the content tokens masked, lines cut to {test_length} tokens;
the unigram model is measured on the same masked tokens. `idts` (in distribution) are held-out lines of the training
sources, `odts` (out of distribution) lines of sources that are not among them; "unseen forms" leaves out lines that
equal a training line once numbers are masked.

{metrics}

The exported graphs against torch, on held-out lines of up to 256 tokens:

{{parity}}

## Use

```python
from encoder_core import Encoder
vectors = Encoder.from_path("path/to/this/folder").embed(["sshd: Failed password for root from 192.0.2.7"])
```

The folder also loads with `transformers.AutoModel` and `sentence_transformers.SentenceTransformer`.

## Limits

Vectors of a mean-pooled masked language model point in similar directions: a cosine of 0.8 is not yet similarity.
Lines in natural language, and log formats unlike those of the corpus, are embedded less well (see the table).
"""


def model_card(record: dict[str, Any], config: dict[str, Any]) -> str:
    """The card's Markdown; ``{parity}`` is left for the exporter to fill.

    record: what goes into the manifest, with ``training`` and ``metrics``. config: the model's configuration.
    """
    training = record["training"]
    return CARD.format(
        name=record["name"],
        version=record["version"],
        parameters=record["parameters"],
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=config["num_attention_heads"],
        buckets=config["position_buckets"],
        vocabulary=config["vocab_size"],
        data=training["data"],
        steps=training["steps"],
        batch_tokens=training["batch_tokens"],
        max_length=training["max_length"],
        lines=training["lines"],
        corpus_tokens=training["corpus_tokens"],
        learning_rate=training["learning_rate"],
        mask=training["mask_probability"],
        test_mask=MASK_PROBABILITY,
        test_length=MAX_LENGTH,
        metrics=markdown_table(record["metrics"]) if record["metrics"] else "Not measured.",
    )
