"""Placeholders of templates as entries of the vocabulary: one token each where the byte pairs would need three."""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer

from encoder_core.templates import TYPES


def with_placeholders(tokenizer: Tokenizer) -> Tokenizer:
    """A copy of a tokenizer that reads every placeholder, with the space before it, as one token."""
    ours = Tokenizer.from_str(tokenizer.to_str())
    ours.add_tokens([AddedToken(f"<{name}>", lstrip=True, normalized=False, special=False) for name in TYPES])
    return ours


def spelled(tokenizer: Tokenizer, plain: Tokenizer) -> dict[int, list[int]]:
    """For each entry that ``with_placeholders`` added to ``plain``, the entries that spelled it before."""
    before = plain.get_vocab_size()
    found = {}
    for name in TYPES:
        index = tokenizer.token_to_id(f"<{name}>")
        if index is not None and index >= before:
            found[index] = plain.encode(name, add_special_tokens=False).ids
    return found


def is_quiet(tokenizer: Tokenizer) -> list[bool]:
    """For each entry whether it says little by itself: a placeholder, a special token, or one without a letter."""
    quiet = []
    for index in range(tokenizer.get_vocab_size()):
        text = tokenizer.decode([index], skip_special_tokens=False).strip()
        framed = len(text) > 2 and (text[0], text[-1]) in (("<", ">"), ("[", "]"))
        quiet.append(framed or not any(sign.isalpha() for sign in text))
    return quiet
