"""Plain questions over the demo's logs: is a right pattern among the first three of ``query similar``?

The logs are the scenario's, their templates and patterns those of ``secencoder parse``. What is right is named by the
scenario's own kinds of lines: a pattern is right when most of its lines are of such a kind. The constants of the fusion
were chosen on the questions of the half "choose"; the half "test" is what counts. Run: python -m benchmarks.questions
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes import Reader
from connectors.findings import Template
from encoder_core import Encoder
from encoder_core.templates import Templates
from encoder_core.vectors import unit_rows
from stream_processors.answers.similar import PatternSearch
from stream_processors.demo.scenario import scenario
from stream_processors.detection.matching import match_record
from stream_processors.detection.patternbook import Known, PatternBook
from trainer.evaluation.contestants import MINILM, minilm_embed
from trainer.evaluation.figures import Figure, append_figures, today

QUESTIONS = Path(__file__).with_name("questions.tsv")
RESULTS = Path(__file__).parent / "results" / "evaluation.csv"
LINES, SEED = 6_000, 7
"""The demo's own."""
FIRST = 3
Scores = NDArray[np.float32]


class Question(NamedTuple):
    """half: what it is for. kinds: of the scenario, those that answer it."""

    half: str
    text: str
    kinds: frozenset[str]


class Logs(NamedTuple):
    """What a store has of the logs, and pattern id to the kinds of most of its lines."""

    templates: list[Template]
    kinds: dict[str, str]


def questions() -> Iterator[Question]:
    """All of them, in the order of the file."""
    with QUESTIONS.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            yield Question(row["half"], row["question"], frozenset(row["kinds"].split()))


def read_logs(lines: int = LINES, seed: int = SEED) -> Logs:
    """The demo's logs as templates of patterns."""
    reader, made = Reader(), Templates()
    first: dict[str, Template] = {}
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for line in scenario(lines=lines, seed=seed):
        (record,) = reader.read(line.line.encode())
        match = match_record(record, made)
        if match.id not in first:
            first[match.id] = Template(match.id, match.template, "", 0, line.time, line.time, line.line)
        kinds[match.id][line.template] += 1
    book = PatternBook()
    pattern_of = book.add([Known(t.id, t.text, None, t.first_seen) for t in first.values()]).patterns
    templates, of_pattern = [], defaultdict(Counter)
    for name, template in first.items():
        pattern, count = pattern_of[name], kinds[name].total()
        of_pattern[pattern].update(kinds[name])
        templates.append(
            Template(
                name, template.text, pattern, count, template.first_seen, template.last_seen, template.example
            )
        )
    return Logs(templates, {pattern: counts.most_common(1)[0][0] for pattern, counts in of_pattern.items()})


def top(scores: Scores, search: PatternSearch, logs: Logs, question: Question) -> bool:
    """Whether a right pattern is among the first; at equal scores the order is the store's."""
    best = np.argsort(-scores, kind="stable")[:FIRST]
    return any(
        logs.kinds[search.patterns[place].id] in question.kinds for place in best if scores[place] > -1
    )


def embedders(bundles: Sequence[Path | None]) -> Iterator[tuple[str, str, Callable[[Sequence[str]], Scores]]]:
    """Bundle identity, name and what embeds texts."""
    for path in bundles:
        encoder = Encoder.from_path(path)
        yield encoder.bundle.identity, "encoder", encoder.embed
    if find_spec(MINILM):
        yield "", "MiniLM", minilm_embed()


def rankings_of(
    bundles: Sequence[Path | None], logs: Logs, search: PatternSearch, asked: Sequence[Question]
) -> Iterator[tuple[str, str, list[Scores]]]:
    """Bundle, name and the patterns' cosines to each question, of whoever embeds."""
    for bundle, name, embed in embedders(bundles):
        vectors = unit_rows(embed([template.text for template in logs.templates]))
        asked_for = unit_rows(embed([question.text for question in asked]))
        yield bundle, name, [search.nearest(vectors @ vector) for vector in asked_for]


def measure(bundles: Sequence[Path | None]) -> list[Figure]:
    """The share of each half's questions with a right pattern among the first three, by who ranks."""
    logs, asked = read_logs(), list(questions())
    search = PatternSearch(logs.templates)
    words = [search.words(question.text) for question in asked]
    rankings = {("", "BM25"): words}
    for bundle, name, near in rankings_of(bundles, logs, search, asked):
        rankings[bundle, f"{name} alone"] = near
        rankings[bundle, f"{name} and words"] = [
            search.joined(*pair) for pair in zip(words, near, strict=True)
        ]
    return [
        Figure(
            today(),
            bundle,
            "questions",
            f"top {FIRST}, {half}",
            name,
            share(found, search, logs, asked, half),
        )
        for (bundle, name), found in rankings.items()
        for half in ("choose", "test")
    ]


def share(
    found: Sequence[Scores], search: PatternSearch, logs: Logs, asked: Sequence[Question], half: str
) -> float:
    """Of the questions of a half, those with a right pattern among the first."""
    pairs = zip(found, asked, strict=True)
    return float(np.mean([top(scores, search, logs, one) for scores, one in pairs if one.half == half]))


def tune(bundles: Sequence[Path | None]) -> None:
    """Prints the half "choose" by the constants of the fusion."""
    logs, asked = read_logs(), list(questions())
    search = PatternSearch(logs.templates)
    words = [search.words(question.text) for question in asked]
    ranked = list(rankings_of(bundles, logs, search, asked))
    for places, weight in itertools.product((1.0, 3.0, 10.0, 30.0, 60.0), (0.1, 0.25, 0.5, 1.0, 2.0)):
        for bundle, name, near in ranked:
            both = [
                search.joined(*pair, places=places, share=weight) for pair in zip(words, near, strict=True)
            ]
            right = share(both, search, logs, asked, "choose")
            print(f"{places:g}\t{weight:g}\t{bundle or name}\t{right:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, action="append", help="by default the shipped one")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "--tune", action="store_true", help="try constants of the fusion on the half to choose by"
    )
    options = parser.parse_args()
    bundles = options.bundle or [None]
    if options.tune:
        tune(bundles)
        return
    figures = measure(bundles)
    for figure in figures:
        print(f"{figure.bundle or '-'}\t{figure.row}\t{figure.measure}\t{figure.value:.3f}")
    append_figures(options.results, figures)


if __name__ == "__main__":
    main()
