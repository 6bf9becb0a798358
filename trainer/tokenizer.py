"""The byte-level BPE tokenizer of the paper's section 3.2, trained on logs.

Text is split into letter runs, digit runs of up to four, single punctuation marks and white space; BPE
merges inside a piece only, so punctuation always stands alone. One leading space travels with the piece
after it (``Ġ`` in the vocabulary), which saves a token a word; every byte string round-trips.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

VOCABULARY_SIZE = 29_952
PAD, CLS, SEP, UNK, MASK = SPECIAL_TOKENS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")
PIECES = r" ?\p{L}+| ?\p{N}{1,4}| ?[^\s\p{L}\p{N}]|\s+"
BLANKS = frozenset(map(chr, range(0x100, 0x122)))
"""What byte-level text writes for the ASCII control bytes and the space."""


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
    """For each id, whether it is a *content* token: one that holds a letter, a digit or a non-ASCII byte.

    The others, punctuation, white space, control characters and special tokens, are the delimiters of the paper's
    Formula 1: never masked and never predicted.
    """
    size = tokenizer.get_vocab_size()
    content = [False] * size
    for token, index in tokenizer.get_vocab().items():
        # In byte-level text every byte >= 0x80 is a character above U+00A0, and so is every blank.
        bare = [c for c in token if c not in BLANKS]
        content[index] = token not in SPECIAL_TOKENS and any(c.isalnum() or ord(c) > 127 for c in bare)
    return content
