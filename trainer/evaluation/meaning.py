"""Does nearness follow meaning where words, formats and systems differ?

Public sets, in a folder that is no part of the package:

- ``ecs_events.jsonl.gz``: category and outcome of a line from its nearest lines of other families of systems.
- ``techniques.jsonl.gz`` and ``technique_events.jsonl.gz``: a description of an attack technique finds its events.
- ``rule_queries.jsonl.gz``: a detection rule's description finds the events that the rule matches, before those of the
  same rule's tests that it does not match.

Our own sets, in ``sets``: one event in several formats, Windows events beside what they say, and exchanged words: of a
sentence, one that says the same in other words is nearer than one that says the opposite in the same words.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.corpus import CorpusError
from trainer.evaluation.contestants import Contestant
from trainer.evaluation.neighbours import family_weights, far_from_words, macro_f1, predicted
from trainer.evaluation.ranking import pair_share, recall_at, reciprocal_rank

SETS = Path(__file__).parent / "sets"
LEAST_IN_SYSTEM = 10
"""Texts of a system from which a ranking among them alone says something."""

Rows = Sequence[Mapping[str, Any]]
Measures = dict[str, float]


def read_rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """The records of a set. Raises CorpusError, which says that the folder is not there if so."""
    path = folder / f"{name}.jsonl.gz"
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder; the public sets of the suite meaning are read from it")
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise CorpusError(f"{path}: can't be read as gzipped JSON lines: {error}") from error


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of one of our own sets."""
    with (SETS / f"{name}.tsv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def public_measures(folder: Path, who: Contestant) -> Measures:
    """Every measure of the public sets in a folder."""
    return (
        categories(read_rows(folder, "ecs_events"), who)
        | techniques(read_rows(folder, "technique_events"), read_rows(folder, "techniques"), who)
        | rules(read_rows(folder, "rule_queries"), who)
    )


def own_measures(who: Contestant) -> Measures:
    """Every measure of our own sets."""
    return (
        writings(read_table("writings"), who)
        | events(read_table("events"), who)
        | exchanged(read_table("exchanged"), who)
    )


def categories(rows: Rows, who: Contestant) -> Measures:
    """Macro F1 of 5 nearest neighbours of other families, every family weighing the same.

    ``auth`` is the outcome of authentication lines alone; ``category far`` counts only the half of the lines that
    share the fewest words with lines of their class elsewhere.
    """
    texts = [row["text"] for row in rows]
    families = np.array([row.get("family") or row["system"] for row in rows])
    category = np.array([row["category"] for row in rows])
    outcome = np.array([row["outcome"] or "" for row in rows])
    weights, near = family_weights(families), who.scores(texts, texts, english=False)
    far = far_from_words(texts, families, np.char.add(np.char.add(category, "/"), outcome))

    def score(labels: NDArray[np.str_], of: NDArray[np.bool_], counted: NDArray[np.bool_]) -> float:
        rows = np.flatnonzero(of)
        said = predicted(near[np.ix_(rows, rows)], families[rows], labels[rows])
        kept = counted[rows]
        return macro_f1(labels[rows][kept], said[kept], weights[rows][kept])

    everything, has = np.ones(len(rows), dtype=bool), outcome != ""
    found = {
        "category": score(category, everything, everything),
        "category far": score(category, everything, far),
        "outcome": score(outcome, has, has),
    }
    logins = has & (category == "authentication")
    return found | ({"auth": score(outcome, logins, logins)} if logins.any() else {})


def techniques(rows: Rows, queries: Rows, who: Contestant) -> Measures:
    """MRR and recall among the first 10; ``new`` is over lines that are not in the training corpus."""
    places = {text: place for place, text in enumerate(dict.fromkeys(row["text"] for row in rows))}
    right = {query["technique"]: np.zeros(len(places), dtype=bool) for query in queries}
    new = np.zeros(len(places), dtype=bool)
    for row in rows:
        right[row["technique"]][places[row["text"]]] = True
        new[places[row["text"]]] |= not row["in_corpus"]
    scores = who.scores([query["query"] for query in queries], list(places), english=True)
    answers = [right[query["technique"]] for query in queries]
    asked_new = [
        (one[new], answer[new]) for one, answer in zip(scores, answers, strict=True) if answer[new].any()
    ]
    found: dict[str, list[float]] = {
        "technique MRR": [reciprocal_rank(*pair) for pair in zip(scores, answers, strict=True)],
        "technique R@10": [recall_at(*pair) for pair in zip(scores, answers, strict=True)],
        "technique MRR new": [reciprocal_rank(*pair) for pair in asked_new],
    }
    return means(found)


def rules(rows: Rows, who: Contestant) -> Measures:
    """MRR over all texts and over those of the rule's system; pairs of a match and a non-match ranked right."""
    places = {text: place for place, text in enumerate(dict.fromkeys(row["text"] for row in rows))}
    of_system: dict[str, set[int]] = defaultdict(set)
    of_rule: dict[tuple[str, str, str], tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for row in rows:
        of_system[row["system"]].add(places[row["text"]])
        of_rule[row["rule"], row["query"], row["system"]][int(row["label"])].add(places[row["text"]])
    queries = list(dict.fromkeys(row["query"] for row in rows))
    scores = dict(zip(queries, who.scores(queries, list(places), english=True), strict=True))
    found: dict[str, list[float]] = {"rule MRR": [], "rule MRR in system": [], "pairs": []}
    for (_, query, system), (misses, matches) in of_rule.items():
        if not matches:
            continue
        one, right = scores[query], np.isin(np.arange(len(places)), list(matches))
        found["rule MRR"].append(reciprocal_rank(one, right))
        own = np.array(sorted(of_system[system]))
        if len(own) >= LEAST_IN_SYSTEM:
            found["rule MRR in system"].append(reciprocal_rank(one[own], right[own]))
        if only := sorted(misses - matches):
            found["pairs"].append(pair_share(one[sorted(matches)], one[only]))
    return means(found)


def writings(rows: Sequence[Mapping[str, str]], who: Contestant) -> Measures:
    """MRR of lines that say the same in another format, among all lines of other formats."""
    lines = [row["line"] for row in rows]
    meaning, format_ = (np.array([row[name] for row in rows]) for name in ("meaning", "format"))
    scores = who.scores(lines, lines, english=False)
    ranks = []
    for place, one in enumerate(scores):
        others = format_ != format_[place]
        ranks.append(reciprocal_rank(one[others], (meaning == meaning[place])[others]))
    return means({"writings MRR": ranks})


def events(rows: Sequence[Mapping[str, str]], who: Contestant) -> Measures:
    """MRR of the one event that a sentence describes, among events that have an id and data but no message."""
    scores = who.scores([row["text"] for row in rows], [row["line"] for row in rows], english=True)
    right = np.eye(len(rows), dtype=bool)
    return means({"events MRR": [reciprocal_rank(*pair) for pair in zip(scores, right, strict=True)]})


def exchanged(rows: Sequence[Mapping[str, str]], who: Contestant) -> Measures:
    """Two shares of sentences, a tie being half right.

    Of the first, a sentence is nearer to its paraphrase than to its opposite, which has nearly the same words. Of the
    second, its paraphrase is nearer to it than to the opposite: the words are no help and no hindrance there.
    """
    anchors, paraphrases, opposites = (
        [row[name] for row in rows] for name in ("anchor", "paraphrase", "opposite")
    )
    n = np.arange(len(rows))

    def share(asked: list[str], right: list[str], wrong: list[str]) -> float:
        scores = who.scores(asked, [*right, *wrong], english=False)
        near, far = scores[n, n], scores[n, n + len(rows)]
        return float(((near > far) + 0.5 * (near == far)).mean())

    return {
        "exchanged words": share(anchors, paraphrases, opposites),
        "exchanged words, told apart": share(paraphrases, anchors, opposites),
    }


def means(found: Mapping[str, Sequence[float]]) -> Measures:
    """The mean of each measure; one without values is left out."""
    return {name: float(np.mean(values)) for name, values in found.items() if values}


Suite = Callable[[Contestant], Measures]
