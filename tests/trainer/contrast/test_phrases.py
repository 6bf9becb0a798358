from __future__ import annotations

import re

from trainer.contrast.items import ENGLISH, TURNED
from trainer.contrast.phrases import HELD_PHRASES, WORDINGS, axes, phrase_items


def test_every_axis_has_subjects_and_phrases_with_two_different_sides():
    found = axes()
    assert found
    for axis in found:
        assert axis.subjects and all(axis.subjects)
        assert len(axis.phrases) > 3
        assert all(left != right for left, right in axis.phrases)


def test_an_item_and_its_opposite_stand_beside_each_other_and_speak_of_the_same():
    items = list(phrase_items(5, seed=3))
    assert items == list(phrase_items(5, seed=3))
    for place in range(0, len(items), 2):
        item, twin = items[place : place + 2]
        assert (item.kind, twin.kind) == (ENGLISH, TURNED)
        assert item.companions == [5 + place + 1] and twin.companions == [5 + place]
        assert len(item.texts) == len(twin.texts) <= WORDINGS
        assert all(one != other for one, other in zip(item.texts, twin.texts, strict=True))
        assert item.held == twin.held
        assert not any(re.search(r"<(user|host|item|n)>", text) for text in item.texts + twin.texts)


def test_a_phrase_that_is_validated_on_is_in_no_other_item():
    unseen = {
        side for axis in axes() for pair in axis.phrases[HELD_PHRASES - 1 :: HELD_PHRASES] for side in pair
    }
    shown = {
        side for axis in axes() for n, pair in enumerate(axis.phrases, 1) if n % HELD_PHRASES for side in pair
    }
    alone = {phrase for phrase in unseen - shown if "<" not in phrase}
    assert alone
    for item in phrase_items(0, seed=3):
        for place, text in enumerate(item.texts):
            if any(text.endswith(f" {phrase}") for phrase in alone):
                assert (item.held and place == 0) or any(text.endswith(f" {phrase}") for phrase in shown)
