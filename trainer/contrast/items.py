"""What contrastive training learns from: items, each some texts that mean the same, and which are easily mixed up.

An item of a log is one template: the template, lines that have it, the same record in other formats, the same in other
words. Beside it stand its *companions*: the item with one word turned into its opposite, and templates of the same
source that share most of its words. An item of English is a description and the event it describes.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
from scipy.sparse import csr_matrix
from tokenizers import Tokenizer

from connectors.formats import parse
from connectors.records import Record
from encoder_core.templates import Templates
from trainer.contrast.words import replaced, reworded, turning, words_of
from trainer.contrast.writers import rewritten
from trainer.data.records import Rejected, read_records
from trainer.stages.manifest import StageError
from trainer.stages.shards import Shard

LOG, TURNED, ENGLISH, ALONE = range(4)
"""Kinds of items: of a template; of one with a word turned around; a description and its event; one text."""
WORDS = "words"
"""Source and domain of the items of single words."""
LINES_READ = 6_000
"""Lines of a source that are looked at."""
SOURCE_TEMPLATES = 1_500
"""Templates of a source that become items."""
TEMPLATE_LINES = 2
"""Lines of a template that become texts."""
TEXT_CHARACTERS = 1_200
"""Characters of a text that are kept: far more than the tokens that are read."""
NEIGHBOURS = 3
NEIGHBOUR_WORDS = 0.4
"""Share of the words, of both templates together, from which two are neighbours."""
HELD_SOURCES, HELD_PAIRS = 11, 29
"""One source, and one pair, of so many is only validated on."""
WHOLE_WORD = re.compile(r"[A-Za-z]{3,}")
UNSTRUCTURED = ("text", "raw", "rfc3164", "rfc5424")


@dataclass(slots=True)
class Item:
    """Texts that mean the same. kind: one of ``LOG`` and so on. held: only validated on."""

    kind: int
    source: str
    texts: list[str]
    held: bool = False
    domain: str = ""
    teacher: list[str] = field(default_factory=list)
    """What the teacher reads for each text; shorter than ``texts`` or empty where it reads none."""
    companions: list[int] = field(default_factory=list)
    """Places of items that are easily taken for this one."""


def log_items(shards: Sequence[Shard], *, seed: int) -> list[Item]:
    """The items of all sources, companions by their place in this list."""
    items: list[Item] = []
    templates = Templates()
    for shard in shards:
        rng = random.Random(f"{seed} {shard.source}")
        held = zlib.crc32(shard.source.encode()) % HELD_SOURCES == 0
        first = len(items)
        items += [
            Item(LOG, shard.source, texts, held, shard.domain, [readable(texts[0])] * len(texts))
            for texts in source_texts(shard, templates, rng)
        ]
        for place, others in zip(range(first, len(items)), neighbours(items[first:]), strict=True):
            items[place].companions = [first + other for other in others]
        for place in range(first, len(items)):
            twin = turned_item(items[place], rng)
            if twin is not None:
                items[place].companions.insert(0, len(items))
                twin.companions = [place]
                items.append(twin)
    return items


def source_texts(shard: Shard, templates: Templates, rng: random.Random) -> Iterator[list[str]]:
    """For each template of a source its texts, the template first."""
    records: dict[str, list[tuple[str, Record]]] = {}
    step = max(1, shard.lines // LINES_READ)
    for number, line in enumerate(shard):
        if number % step:
            continue
        line = line[: TEXT_CHARACTERS * 4]
        record = parse(line.encode("utf-8", "surrogatepass"))
        template = template_of(record, templates)
        kept = records.setdefault(template, [])
        if len(kept) < TEMPLATE_LINES:
            kept.append((line, record))
    chosen = list(records)
    if len(chosen) > SOURCE_TEMPLATES:
        chosen = rng.sample(chosen, SOURCE_TEMPLATES)
    for template in chosen:
        if len(words_of(template)) < 2:
            continue
        texts = [template, *(line for line, _ in records[template])]
        record = records[template][0][1]
        message = record.message or (record.text if record.format in UNSTRUCTURED else "")
        texts.append(rewritten(message, record.fields, rng))
        other = reworded(template, rng)
        if other is not None:
            texts.append(other)
        yield [text[:TEXT_CHARACTERS] for text in dict.fromkeys(texts) if text.strip()]


def template_of(record: Record, templates: Templates) -> str:
    """The template of a record, as a worker reads it."""
    if record.format in UNSTRUCTURED:
        return templates.of_text(record.message or record.text).template
    return templates.of_columns(record.format, record.fields, record.message).template


def turned_item(item: Item, rng: random.Random) -> Item | None:
    """The item with one word of its template exchanged for the opposite in all texts that hold it."""
    exchange = turning(item.texts[0], rng)
    if not exchange:
        return None
    both = [(text, replaced(text, exchange)) for text in item.texts]
    texts = [other for text, other in both if other != text]
    if len(texts) == 1 and (other := reworded(texts[0], random.Random(texts[0]))) is not None:
        texts.append(other)
    return Item(TURNED, item.source, texts, item.held, item.domain) if len(texts) > 1 else None


def neighbours(items: Sequence[Item]) -> list[list[int]]:
    """For each item of a source those whose templates share most words with its own."""
    known: dict[str, int] = {}
    bags = [
        sorted({known.setdefault(word.lower(), len(known)) for word in words_of(i.texts[0])}) for i in items
    ]
    starts = np.cumsum([0, *map(len, bags)])
    cells = np.fromiter((word for bag in bags for word in bag), np.int64)
    table = csr_matrix((np.ones(len(cells), np.float32), cells, starts), (len(items), max(1, len(known))))
    sizes = np.diff(starts)
    found = []
    for place in range(len(items)):
        shared = np.asarray((table @ table[place].T).todense()).ravel()
        share = shared / np.maximum(sizes + sizes[place] - shared, 1)
        share[place] = 0
        best = np.argsort(-share, kind="stable")[:NEIGHBOURS]
        found.append([int(other) for other in best if share[other] >= NEIGHBOUR_WORDS])
    return found


def english_items(paths: Iterable[Path], first: int = 0, *, seed: int = 0) -> Iterator[Item]:
    """Items of JSONL files of pairs with the fields ``query`` and ``event``, and of texts with ``text``.

    A pair is followed by its companion with one word turned around, where a word has an opposite. The fields ``source``
    and ``kind``, where they are, make the source of an item, so that a large one can be drawn less often. Of a text
    with a field ``text`` alone only the teacher's opinion is learnt. first: place of the first in the list of all.
    """
    rng = random.Random(f"{seed} english")
    place = first
    for path in paths:
        for found in read_records(path):
            if isinstance(found, Rejected):
                raise StageError(f"{path}: line {found.line}: {found.reason}")
            row = orjson.loads(found.text)
            source = f"{row.get('source', path.name)} {row.get('kind', '')}".strip()
            if "query" in row and "event" in row:
                texts = [row["query"][:TEXT_CHARACTERS], row["event"][:TEXT_CHARACTERS]]
                held = zlib.crc32(texts[0].encode()) % HELD_PAIRS == 0
                item = Item(ENGLISH, source, texts, held, "english", [texts[0], readable(texts[1])])
                twin = turned_item(item, rng)
                yield item
                if twin is not None:
                    item.companions, twin.companions = [place + 1], [place]
                    yield twin
                place += 1 + (twin is not None)
            elif "text" in row:
                text = row["text"][:TEXT_CHARACTERS]
                yield Item(ALONE, source, [text], False, "english", [text])
                place += 1


def readable(text: str) -> str:
    """A template or event as words, for a model of natural language: no placeholders, names split."""
    return " ".join(words_of(text))[:TEXT_CHARACTERS]


def word_items(tokenizer: Tokenizer) -> list[Item]:
    """The words of a vocabulary: cheap to ask the teacher about, and what most of its knowledge is of."""
    texts = (tokenizer.decode([index]).strip() for index in range(tokenizer.get_vocab_size()))
    words = sorted({text for text in texts if WHOLE_WORD.fullmatch(text)})
    return [Item(ALONE, WORDS, [word], False, WORDS, [word]) for word in words]
