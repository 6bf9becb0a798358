"""The byte-level BPE tokenizer of the paper's section 3.2, trained on logs.

Text is split into letter runs, digit runs of up to four, single punctuation marks and white space; BPE
merges inside a piece only, so punctuation always stands alone. One leading space travels with the word or mark
after it (``Ġ`` in the vocabulary), which saves a token a word. A number is the same entry wherever it stands: the
space before it is a token of its own, a delimiter. Every byte string round-trips.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from encoder_core.tokenizer import PIECES
from trainer.data.corpus import CorpusError
from trainer.settings import VOCABULARY_SIZE, TokenizerSettings
from trainer.stages.shards import Shard, sample_shares
from trainer.vocabulary.words import sudo_lines

PAD, CLS, SEP, UNK, MASK = SPECIAL_TOKENS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")
LINE_LIMIT = 20_000
"""Characters of a line that the sample takes: one huge record shall not make up a source's whole share."""
PROBE_EVERY, PROBE_LINES = 64, 2_000
"""Which lines of the sample tell bytes per token: spread over it, and few enough to keep."""


def learn(shards: Sequence[Shard], settings: TokenizerSettings, folder: Path) -> dict[str, int | float]:
    """Learns a vocabulary from a sample of ``shards``; writes ``tokenizer.json`` and ``delimiters.txt``.

    Lines stream into the trainer, which keeps each distinct piece of text once with its count, so that memory is
    bounded by ``settings.characters`` whatever the corpus holds (tokenizers issues 1170 and 1681). Pairs are counted
    in 32 bits with a sign (issue 2058): the most characters that the setting allows cannot reach 2 ** 31, as a pair
    of bytes occurs at most twice in a character. Equal arguments give equal files.

    Returns the counts of entries, delimiters, lines and characters, and the bytes per token of the sample. Raises
    CorpusError when the sample has too little text for ``settings.vocabulary`` entries.
    """
    lines = characters = 0
    probe: list[str] = []

    def counted() -> Iterator[str]:
        nonlocal lines, characters
        for line in sample(shards, settings):
            if lines % PROBE_EVERY == 0 and len(probe) < PROBE_LINES:
                probe.append(line)
            lines += 1
            characters += len(line)
            yield line

    tokenizer = train_tokenizer(counted(), settings.vocabulary)
    entries = tokenizer.get_vocab_size()
    if entries < settings.vocabulary:
        raise CorpusError(
            f"tokenizer.vocabulary: {settings.vocabulary:,} entries need more text, "
            f"{characters:,} characters gave {entries:,}"
        )
    delimiters = delimiter_tokens(tokenizer)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "delimiters.txt").write_text(
        "".join(f"{index}\t{text!r}\n" for index, text in delimiters.items()), encoding="utf-8"
    )
    tokens = sum(map(len, tokenizer.encode_batch_fast(probe, add_special_tokens=False)))
    size = sum(len(line.encode()) for line in probe)
    return {
        "entries": entries,
        "delimiters": len(delimiters),
        "lines": lines,
        "characters": characters,
        "bytes_per_token": round(size / tokens, 4),
    }


def sample(shards: Sequence[Shard], settings: TokenizerSettings) -> Iterator[str]:
    """About ``settings.characters`` of text: each line of a source with the probability of its share of it.

    ``settings.commands`` of the text is made of administration commands (``trainer.vocabulary.words``).
    """
    budget = settings.characters * (1 - settings.commands)
    sizes = [shard.characters for shard in shards]
    shares = sample_shares(sizes, [s.weight for s in shards], budget=budget, power=settings.power)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("tokenizer", total=sum(shard.lines for shard in shards))
        for shard, share in zip(shards, shares, strict=True):
            rng = random.Random(f"{settings.seed} {shard.source}")
            probability = share / max(1, shard.characters)
            yield from (line[:LINE_LIMIT] for line in shard if rng.random() < probability)
            progress.advance(task, shard.lines)
    yield from sudo_lines(sum(shares) * settings.commands / (1 - settings.commands), settings.seed)


def train_tokenizer(lines: Iterable[str], vocabulary_size: int = VOCABULARY_SIZE) -> Tokenizer:
    """A tokenizer of at most ``vocabulary_size`` entries, special tokens first (ids 0 to 4)."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=32,
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B {SEP}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (CLS, SEP)],
    )
    return tokenizer


def special_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a special token; ValueError when the vocabulary lacks it."""
    index = tokenizer.token_to_id(token)
    if index is None:
        raise ValueError(f"the tokenizer has no {token} token")
    return index


def content_tokens(tokenizer: Tokenizer) -> list[bool]:
    """For each id, whether it is a *content* token: one that holds a letter, a digit or a part of a character.

    The others, punctuation, white space, control characters and special tokens, are the delimiters of the paper's
    Formula 1: never masked and never predicted. A part of a character is what the vocabulary has of one that is too
    rare for an entry of its own: some of its bytes.
    """
    texts = (
        tokenizer.decode([index]) for index in range(tokenizer.get_vocab_size())
    )  # a special token's is empty
    return [any(c.isalnum() or c == "\ufffd" for c in text) for text in texts]


def delimiter_tokens(tokenizer: Tokenizer) -> dict[int, str]:
    """The text of every token that is not content, by id in rising order."""
    content = content_tokens(tokenizer)
    return {
        index: tokenizer.decode([index], skip_special_tokens=False)
        for index, is_content in enumerate(content)
        if not is_content
    }
