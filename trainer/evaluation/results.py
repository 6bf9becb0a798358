"""The figures of all evaluated models: a CSV that only grows, and the table made of it."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from trainer.stages.manifest import StageError
from trainer.stages.stage import locked

MODEL_COLUMNS = ("date", "model", "version", "size", "parameters", "sha256")
SCORE_COLUMNS = ("lines", "predictions", "perplexity", "accuracy", "unigram_perplexity", "unigram_accuracy")
COLUMNS = (*MODEL_COLUMNS, "distribution", "set", "forms", *SCORE_COLUMNS)
"""distribution: in or out; forms: all lines of the set, or those unseen in training; sha256: of the weights."""
DISTRIBUTIONS = ("in", "out")

Row = Mapping[str, str]


def append_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> list[Row]:
    """Appends the rows that the CSV does not hold yet, and returns all of them. Raises StageError for another CSV.

    The file is replaced whole: neither a kill nor a full disk leaves half a row.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        known = read_rows(path) if path.exists() else []
        texts = [{name: str(row[name]) for name in COLUMNS} for row in rows]
        fresh = [row for row in texts if row not in known]
        if not fresh:
            return known
        temporary = path.with_name(f"{path.name}.tmp")
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows([*known, *fresh])
        os.replace(temporary, path)
    return [*known, *fresh]


def read_rows(path: Path) -> list[Row]:
    """The rows of an evaluation CSV. Raises StageError."""
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise StageError(f"{path}: is not an evaluation table; expected the columns {', '.join(COLUMNS)}")
        return list(reader)


def markdown_table(rows: Sequence[Row]) -> str:
    """The paper's Table 2: a row for each model, perplexity and accuracy in and out of distribution.

    Below each stands its unigram model, and a second table has the unseen forms only. Of a model evaluated twice on
    a set the last figures count; several sets of one distribution are joined by their predictions.
    """
    parts = []
    for forms, title in (("all", "All lines"), ("unseen", "Lines whose form is not in the training text")):
        latest = {
            (row["model"], row["version"], row["sha256"], row["distribution"], row["set"]): row
            for row in rows
            if row["forms"] == forms
        }
        if latest:
            parts += [f"{title}:", "", *table(list(latest.values())), ""]
    return "\n".join(parts)


def table(rows: Sequence[Row]) -> list[str]:
    """The lines of one Markdown table."""
    heads = ("perplexity", "accuracy")
    columns = " | ".join(f"{head}, {place} distribution" for place in ("in", "out of") for head in heads)
    lines = [f"| model | parameters | {columns} |", "| --- | --- | --- | --- | --- | --- |"]
    models = dict.fromkeys((row["model"], row["version"], row["sha256"], row["parameters"]) for row in rows)
    for model, version, sha256, parameters in models:
        own = [
            row for row in rows if (row["model"], row["version"], row["sha256"]) == (model, version, sha256)
        ]
        for prefix, name, size in (
            ("", f"{model} {version}", f"{int(parameters):,}"),
            ("unigram_", "its unigrams", ""),
        ):
            cells = [
                joined([row for row in own if row["distribution"] == place], prefix)
                for place in DISTRIBUTIONS
            ]
            lines.append(f"| {name} | {size} | {' | '.join(cells)} |")
    return lines


def joined(rows: Sequence[Row], prefix: str) -> str:
    """Perplexity and accuracy over all predictions of several sets, as two cells."""
    weights = [int(row["predictions"]) for row in rows]
    if not sum(weights):
        return "- | -"
    loss = sum(w * math.log(float(row[f"{prefix}perplexity"])) for w, row in zip(weights, rows, strict=True))
    right = sum(w * float(row[f"{prefix}accuracy"]) for w, row in zip(weights, rows, strict=True))
    return f"{math.exp(loss / sum(weights)):.1f} | {right / sum(weights):.1%}"
