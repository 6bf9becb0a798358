"""Each kind of surprise alone, as it scores lines before any are combined."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.keeping import encoder
from benchmarks.detection.streams import Scores, Stream
from stream_processors.detection import detectors
from stream_processors.detection.batch import LineBatch
from stream_processors.detection.embedding import embed_rows
from stream_processors.detection.knowledge import Kinds, Knowledge
from stream_processors.detection.pipeline import Pipeline

BATCH_LINES = 500


def classes() -> dict[str, type]:
    """The kinds that there are by name: every class among the detectors with a name and ``observe``."""
    found = {}
    for module in pkgutil.iter_modules(detectors.__path__, f"{detectors.__name__}."):
        for one in vars(importlib.import_module(module.name)).values():
            name = getattr(one, "name", None)
            if inspect.isclass(one) and isinstance(name, str) and hasattr(one, "observe"):
                found[name] = one
    return dict(sorted(found.items()))


def made(one: type) -> Any:
    """A kind with its default settings."""
    wants = inspect.signature(one).parameters
    return one(**({"dim": encoder().dim} if "dim" in wants else {}))


def batches(stream: Stream) -> Iterator[tuple[LineBatch, NDArray[np.uint64]]]:
    """The lines as arrays with vectors, and the pattern of each, (lines,)."""
    pipeline = Pipeline(encoder())
    known = Knowledge(encoder().bundle.identity, lambda pattern, into: None)
    lines = iter(stream.lines)
    while some := list(islice(lines, BATCH_LINES)):
        batch = pipeline.batch(some)
        embed_rows(batch.rows, batch.rows.missing(batch.templates), pipeline.table, encoder(), lambda: None)
        kinds = Kinds(batch)
        yield batch, known.patterns(batch, kinds)[kinds.of]


@lru_cache(maxsize=1)
def all_alone(stream: Stream) -> Mapping[str, Scores]:
    """The scores of every kind, from one pass over the lines."""
    from stream_processors.detection.detectors.kind import Seen

    kinds = {name: made(one) for name, one in classes().items()}
    scores: dict[str, list[NDArray]] = {name: [np.empty(0)] for name in kinds}
    for batch, patterns in batches(stream):
        seen = Seen(batch, batch.rows.templates[batch.templates], patterns)
        for name, kind in kinds.items():
            scores[name].append(kind.observe(seen).scores)
    return {
        name: stream.by_message(np.concatenate(parts).astype(np.float64)) for name, parts in scores.items()
    }


def alone(name: str) -> Callable[[Stream], Scores]:
    """The scores of one kind."""
    return lambda stream: all_alone(stream)[name]


def names() -> Sequence[str]:
    return list(classes())
