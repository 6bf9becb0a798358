"""The model card that goes into a bundle as README.md: every fact in it comes from the stages' manifests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainer.evaluation.evaluate import MASK_PROBABILITY
from trainer.export.loaded import PARITY_LENGTH

WEIGHTED = "mean over layers and tokens by learnt weights"
CONTRAST_FIGURES = {
    "template": "MRR of a line's template",
    "turned": "texts nearer to their template than to the same with one word turned around",
    "described": "MRR of an event by its description",
    "domain": "macro F1 of a template's domain by those of other sources",
    "opposed": "our own sentences nearer to an unseen phrase than to its opposite",
}
LAYERED = "Masked language modelling went on beside it."
LAYERLESS = """No layer has a share in the vectors yet: a vector is the mean of its tokens' rows of the table by learnt
weights, so the order of words does not reach it, and the graph leaves the layers out. They are among the weights, but
the table was changed under them: as a masked language model this is worse than what it started from (see below)."""
CARD = """---
license: {licence}
library_name: sentence-transformers
tags: [logs, security, deberta-v2, feature-extraction]
---

# {name} {version}

A DeBERTa-v2 encoder for log lines, pretrained {origin} with the masked language modelling of
*SecEncoder: Logs are All You Need in Security* (2024). It is not Microsoft's model, whose weights are closed.

{layers} layers, {hidden} wide, {heads} heads, {buckets} position buckets ({positions}), {vocabulary:,} byte-level BPE
entries, {parameters:,} parameters. An embedding is the {mean}, {hidden} dimensions.

## Training

{data}{lines:,} lines and {corpus_tokens:,} tokens were left to train on after exact and near duplicates were removed.

{steps:,} steps of at most {batch_tokens:,} tokens (padding included), lines cropped to {max_length:,} tokens; AdamW,
cosine schedule from {learning_rate}. {mask:.0%} of the tokens are predicted{delimiters}.
{contrast}
## Measured

On lines the model did not train on, {test_mask:.0%} of the content tokens masked, lines cut to {test_length:,} tokens;
the unigram model is measured on the same masked tokens. "Unseen" forms are the lines whose template is that of
no training line.

{metrics}
{replaced}
The exported graphs and the loaded bundle against torch, on real lines of up to {parity_length} tokens:

{{parity}}

## Use

```python
from encoder_core import Encoder
vectors = Encoder.from_path("path/to/this/folder").embed(["sshd: Failed password for root from 192.0.2.7"])
```

The folder also loads with `transformers.AutoModel` and `sentence_transformers.SentenceTransformer`.

## Limits

{limits}
"""
LIMITS = {
    False: """Without the mean taken off, vectors point in similar directions: a cosine of 0.8 is not yet similarity.
Lines in natural language, and log formats unlike those of the corpus, are embedded less well (see the table).""",
    True: """Words that neither the corpus nor the teacher knew are embedded by their pieces, which say little.
Languages other than English are unknown to it. Values hardly count: a vector doesn't show whether one is unusual.""",
}


def model_card(record: dict[str, Any], config: dict[str, Any], *, test_length: int) -> str:
    """The card's Markdown; ``{parity}`` is left for the exporter to fill.

    record: what goes into the manifest, with ``training`` and ``metrics``. config: the model's configuration.
    test_length: tokens to which lines were cut when the metrics were measured.
    """
    training = record["training"]
    skip = training["delimiters"] == "skip"
    return CARD.format(
        name=record["name"],
        version=record["version"],
        licence=record["licence"].lower(),
        origin=f"from the weights of {training['start_from']}" if training["start_from"] else "from scratch",
        parameters=record["parameters"],
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=config["num_attention_heads"],
        buckets=config["position_buckets"],
        positions=" and ".join(config["pos_att_type"]) or "unused",
        vocabulary=config["vocab_size"],
        data=f"{training['data'].replace('{', '{{').replace('}', '}}')}\n\n" if training["data"] else "",
        steps=training["steps"],
        batch_tokens=training["batch_tokens"] * training["accumulation"],
        max_length=training["max_length"],
        lines=training["lines"],
        corpus_tokens=training["corpus_tokens"],
        learning_rate=training["learning_rate"],
        mask=training["mask_probability"],
        delimiters="; punctuation and white space never are" if skip else "",
        mean=WEIGHTED if training.get("contrast") else "masked mean of the last hidden states",
        contrast=contrast_section(training["contrast"]) if training.get("contrast") else "",
        limits=LIMITS[bool(training.get("contrast"))],
        test_mask=MASK_PROBABILITY,
        test_length=test_length,
        parity_length=PARITY_LENGTH,
        metrics=metrics_table(record["metrics"]) if record["metrics"] else "Not measured.",
        replaced=replaced_table(record["replaces"]) if record.get("replaces") else "",
    )


REPEATED = """ A token that a text has n times weighs 1/n to the power of {power:g} in the mean; sentence-transformers,
which has no module for that, counts each repeat in full."""


def contrast_section(options: dict[str, Any]) -> str:
    """What the card says of the training by contrast."""
    found, made = options["measured"], options["items"]
    start = f" from {options['start_from']}" if options["start_from"] else ""
    teacher = f", and learnt the similarities that {options['teacher']} gives" if options["teacher"] else ""
    figures = "\n".join(
        f"| {name} | {found[key]:.3f} |" for key, name in CONTRAST_FIGURES.items() if key in found
    )
    steps, whole = options["steps"], options["bag_steps"] + options.get("masked_steps", 0)
    data = f"{options['data']}\n\n" if options.get("data") else ""
    took = f" in {options['seconds'] / 3600:.2f} hours" if options.get("seconds") else ""
    repeats = REPEATED.format(power=options["repeats"]) if options.get("repeats") else ""
    return f"""
Then it was trained by contrast{start}: {steps:,} steps, {min(steps, options["bag_steps"]):,} of them of
the token table and the weights alone, {found.get("tokens", 0):,} tokens in all{took}, on {made["items"]:,} items:
templates with their lines, the same in other formats and words, descriptions with their events{teacher}.
Pairs that only a word such as failed or succeeded tells apart were pushed apart. The first
{" or ".join(map(str, sorted(options["lengths"])))} numbers of a vector can stand for the whole.{repeats}

{data}{LAYERLESS if steps <= whole else LAYERED}

| on items held out | value |
| --- | --- |
{figures}
"""


def replaced_table(replaced: dict[str, Any]) -> str:
    """The figures that the bundle's predecessor states of itself."""
    return (
        f"\nThe bundle that this one replaces, {replaced['name']} {replaced['version']}, as its manifest has it. "
        "Perplexities of models with different vocabularies do not compare directly.\n\n"
        f"{metrics_table(replaced['metrics'])}\n"
    )


def metrics_table(rows: Sequence[dict[str, Any]]) -> str:
    """One model's figures as a Markdown table, a row for each set and its unseen forms."""
    lines = [
        "| distribution | set | forms | lines | masked tokens | perplexity | masked accuracy | "
        "unigram perplexity | unigram accuracy |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row.get('distribution', '')} | {row['set']} | {row.get('forms', '')} | {row['lines']:,} | "
            f"{row['predictions']:,} | {row['perplexity']:.1f} | {row['accuracy']:.1%} | "
            f"{row['unigram_perplexity']:.0f} | {row['unigram_accuracy']:.1%} |"
        )
    return "\n".join(lines)
