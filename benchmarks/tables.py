"""``docs/results.md``, made of the one table of figures: ours, what stands beside them, and the paper's.

Run: python -m benchmarks.tables. With --collect FILE..., figures of other benchmarks and of bundles' manifests are
added to the table first.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from benchmarks.report import table
from encoder_core import Bundle, default_bundle_path
from trainer.evaluation.figures import Figure, append_figures, read_figures, today

HERE = Path(__file__).parent
FIGURES = HERE / "results" / "evaluation.csv"
PARTS = HERE / "results" / "ablation-contrast.csv"
ENCODER = HERE / "results" / "encoder.csv"
PAGE = HERE.parent / "docs" / "results.md"
TABLE_1 = "sudo: root : TTY=unknown : PWD=/ : USER=root : COMMAND=/bin/ip netns identify 4867"
TABLE_1_END = ["/", "ip", "netns", "identify", "4867"]
ABSENT = "-"
Latest = dict[tuple[str, str, str, str], float]

GOALS: tuple[tuple[str, str, str, float, str], ...] = (
    ("meaning", "category", "lines, centred", 0.58, "MiniLM, lines"),
    ("meaning", "outcome", "lines, centred", 0.74, "MiniLM, lines"),
    ("meaning", "technique MRR", "lines, centred", 0.20, "MiniLM, lines"),
    ("meaning", "rule MRR", "lines, centred", 0.35, "MiniLM, lines"),
    ("meaning", "pairs", "lines, centred", 0.76, "MiniLM, lines"),
    ("meaning", "category", "lines, with BM25", 0.60, "MiniLM, lines, with BM25"),
    ("meaning", "outcome", "lines, with BM25", 0.75, "MiniLM, lines, with BM25"),
    ("meaning", "technique MRR", "lines, with BM25", 0.22, "MiniLM, lines, with BM25"),
    ("meaning", "rule MRR", "lines, with BM25", 0.50, "MiniLM, lines, with BM25"),
    ("meaning", "pairs", "lines, with BM25", 0.80, "MiniLM, lines, with BM25"),
    ("meaning", "exchanged words", "lines, centred", 0.90, "MiniLM, lines"),
    ("meaning", "exchanged words, told apart", "lines, centred", 0.90, "MiniLM, lines"),
    ("templates", "Diff, mean", "lines, centred", 0.65, "MiniLM, lines"),
    ("templates", "MAP, mean", "lines, centred", 0.985, "MiniLM, lines"),
    ("templates", "MRR, mean", "lines, centred", 0.998, "MiniLM, lines"),
    ("templates", "Diff, Linux", "lines, centred", 0.65, "MiniLM, lines"),
    ("masked", "accuracy, in, all", "encoder", 0.75, ""),
    ("masked", "accuracy, out, all", "encoder", 0.30, ""),
    ("questions", "top 3, test", "encoder and words", 0.80, "MiniLM and words"),
)
"""Suite, measure, row, what is aimed at, and the row beside it."""

INTRODUCTION = """# Results

What our encoders are worth, beside others and beside the paper (*SecEncoder: Logs are All You Need in Security*, 2024).
Every figure stands in [one table](../benchmarks/results/evaluation.csv), which only grows, with the day and the bundle;
`python -m benchmarks.tables` makes this page of it. Larger is better, but for perplexity.

```console
secencoder-trainer evaluate --suite meaning   --data FOLDER --results benchmarks/results/evaluation.csv
secencoder-trainer evaluate --suite templates --data FOLDER --results benchmarks/results/evaluation.csv
secencoder-trainer evaluate --suite masked --results benchmarks/results/evaluation.csv
python -m benchmarks.questions
python -m benchmarks.tables --collect
```

Rows named after a bundle are ours: the encoder reads lines, or the templates of lines as a worker's does; its vectors
are as they are, or without the bundle's mean (centred); "with BM25" joins their ranking with that of words. Random
weights are an untrained encoder of the same shape, without the layers that its vectors do not read. MiniLM is
all-MiniLM-L6-v2, made for English.
"""
GOAL_TEXT = """Of the newest bundle. "MiniLM" stands in the same place as ours: alone, or joined with words.
"""
MEANING_TEXT = """Public events of many systems. Category and outcome: macro F1 of a line's five nearest neighbours in
other families of systems, every family weighing the same; "far" is the half of the lines that share the fewest words
with others of their class, "auth" the outcome of logins alone. Technique: a description of an ATT&CK technique ranks
all events. Rule: a rule's description ranks all events; pairs: an event that a rule matches stands before one that it
does not, among the rule's own tests. The paper has no such table.
"""
OWN_TEXT = """Our own sets, every line invented (`trainer/evaluation/sets`). Writings: one event as sshd, auditd,
Windows, CloudTrail and others write it finds its writings in other formats (MRR). Events: a sentence finds the Windows
event that it describes, which has its id and data but no message (MRR). Exchanged words: of 180 sentences, the share
that is nearer to the same said in other words than to the opposite said in nearly the same words; who goes by words is
near 0, as MiniLM is. Told apart: the share whose paraphrase is nearer to it than to its opposite; chance is 0.5.
"""
TEMPLATES_TEXT = """Distinct messages of six of Loghub's samples, which no bundle was trained on, without headers; right
are those of the same template. Diff is the mean cosine within a template minus that between templates.

The paper's data differ: it takes the templates of Drain, ours are Loghub's hand-made ones; its lines are whole, ours
have no headers; its search is over logs that are not public.
"""
MASKED_TEXT = """Perplexity and accuracy on masked content tokens. "Unseen" leaves out lines whose template occurs in
the training text.

The paper's data differ: it trained on 270 GB and tested on data of its own, which are not public; its vocabulary is
another, so perplexities do not compare directly. Our sets are lines held out from the public sources of our corpus (in
distribution), and public sources that are not in it (out of distribution).

secencoder-tiny 2026.11.3 predicts hardly anything: training by contrast made its table another one, and its layers,
which no vector reads, have not been trained on it since. It was measured on one line of 25.
"""
QUESTIONS_TEXT = """Thirty plain questions over the demo's logs, `benchmarks/questions.tsv`: the share that has a right
pattern among the first three. Constants were chosen on thirty other questions ("choose"); all were written by us, and
the logs are invented ones, so this says more about who is better than about how good search is on your logs.
"""
PARTS_TEXT = """Training by contrast without each of its parts in turn, {steps} steps of {pairs} pairs each,
far shorter than what is shipped (`python -m benchmarks.parts`). Figures are the trainer's own validation, on sources
and descriptions that were held out ([training.md](training.md#contrast)); one seed, so small differences say nothing.
"""
PAPER = {
    "masked": (
        ("paper, base (110 million parameters)", {"accuracy, in, all": 0.87, "accuracy, out, all": 0.33}),
        ("paper, best in distribution", {"perplexity, in, all": 2.16, "accuracy, in, all": 0.90}),
    ),
    "templates": (("paper, best, Drain's templates", {"Diff, Linux": 0.46}),),
}
"""Suite to rows of the paper; what is not here, the paper does not have or was not at hand."""


def page(figures: Sequence[Figure]) -> str:
    """The whole page."""
    found = {(f.bundle, f.suite, f.measure, f.row): f.value for f in figures}
    parts = [INTRODUCTION, "## Goals\n", GOAL_TEXT, goal_table(figures, found)]
    for title, suite, text, kept in (
        ("Meaning", "meaning", MEANING_TEXT, lambda name: not own(name)),
        ("One meaning, many writings", "meaning", OWN_TEXT, own),
        ("Similarity and search by template (the paper's Table 3)", "templates", TEMPLATES_TEXT, of_means),
        ("Masked words (the paper's Table 2)", "masked", MASKED_TEXT, lambda _: True),
        ("Questions in plain English", "questions", QUESTIONS_TEXT, lambda _: True),
    ):
        parts += [f"## {title}\n", text, suite_table(figures, found, suite, kept)]
    if PARTS.exists():
        parts += ["## What each part of the training is worth\n", *parts_table()]
    parts += ["## Vocabulary and speed (the paper's Tables 1 and 7)\n", speed(found)]
    return "\n".join(parts)


def own(measure: str) -> bool:
    return measure in ("writings MRR", "events MRR", "exchanged words", "exchanged words, told apart")


def of_means(measure: str) -> bool:
    return measure.endswith(", mean") or measure == "Diff, Linux"


def newest(figures: Iterable[Figure], suite: str) -> str:
    """The bundle that a suite measured last."""
    return next((f.bundle for f in reversed(list(figures)) if f.suite == suite and f.bundle), "")


def shown(value: float | None) -> str:
    if value is None:
        return ABSENT
    return f"{value:.3f}" if value < 10 else f"{value:,.1f}"


def goal_table(figures: Sequence[Figure], found: Latest) -> str:
    rows = []
    for suite, measure, row, goal, beside in GOALS:
        ours, theirs = (
            found.get((bundle, suite, measure, name))
            for bundle, name in ((newest(figures, suite), row), ("", beside))
        )
        verdict = ABSENT if ours is None else "reached" if ours >= goal else "missed"
        rows.append((suite, measure, row, f"{goal:g}", shown(ours), shown(theirs), verdict))
    return table(("suite", "measure", "ours", "goal", "measured", "MiniLM", ""), rows)


def suite_table(figures: Sequence[Figure], found: Latest, suite: str, kept: Callable[[str], bool]) -> str:
    """A row for everybody who was measured, the paper's last."""
    measures = [m for m in dict.fromkeys(f.measure for f in figures if f.suite == suite) if kept(m)]
    rows = []
    for bundle, name in dict.fromkeys((f.bundle, f.row) for f in figures if f.suite == suite):
        cells = [shown(found.get((bundle, suite, measure, name))) for measure in measures]
        rows.append((f"{short(bundle)}: {name}" if bundle else name, *cells))
    for name, values in PAPER.get(suite, ()):
        rows.append((name, *(shown(values.get(measure)) for measure in measures)))
    if not rows:
        return "Not measured yet.\n"
    return table(("", *measures), rows)


def short(identity: str) -> str:
    """A bundle's identity with the first digits of its hash."""
    name, _, sha = identity.partition("#")
    return f"{name}#{sha[:6]}"


def parts_table() -> Iterator[str]:
    """Text and table of the trainings without a part."""
    with PARTS.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    measures = [name for name in rows[0] if name not in ("without", "steps", "pairs")]
    yield PARTS_TEXT.format(**rows[0])
    yield table(
        ("without", *measures), [(row["without"], *(shown(float(row[m])) for m in measures)) for row in rows]
    )


def speed(found: Latest) -> str:
    """The tokenizer on the paper's own line, and tokens a minute of the base size."""
    lines = []
    for (bundle, suite, measure, _), value in found.items():
        if suite == "vocabulary":
            told = "as the paper has it" if value else "otherwise than the paper has it"
            end = " ".join(TABLE_1_END)
            lines.append(
                f"Vocabulary of {short(bundle)}: the end of the paper's line, `{end}`, comes out {told}.\n"
            )
        if suite == "speed":
            lines.append(
                f"Base size, random weights, int8, two CPU threads, {measure}: {value:,.0f} tokens a minute.\n"
            )
    paper = (
        "The paper: 35,791 to 60,150 tokens a minute on a V100 GPU, so another machine, and other inputs.\n"
    )
    return "\n".join([*lines, paper])


def collected() -> Iterator[Figure]:
    """Figures that other benchmarks measured."""
    bundle = Bundle.load(default_bundle_path())
    tokens = Tokenizer.from_file(str(bundle.path / "tokenizer.json")).encode(
        TABLE_1, add_special_tokens=False
    )
    end = [token.removeprefix("Ġ") for token in tokens.tokens if token != "Ġ"][-len(TABLE_1_END) :]
    yield Figure(
        today(),
        bundle.identity,
        "vocabulary",
        "end of Table 1's line",
        "tokenizer",
        float(end == TABLE_1_END),
    )
    with ENCODER.open(newline="") as stream:
        for row in csv.DictReader(stream):
            if row["workload"].startswith("base, "):
                rate = 60 * float(row["tokens_per_second"])
                yield Figure(
                    today(), "", "speed", row["workload"].removeprefix("base, "), row["contestant"], rate
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", action="store_true", help="add figures of other benchmarks first")
    if parser.parse_args().collect:
        append_figures(FIGURES, collected())
    PAGE.write_text(page(read_figures(FIGURES)))


if __name__ == "__main__":
    main()
