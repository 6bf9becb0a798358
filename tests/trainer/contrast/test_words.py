from __future__ import annotations

import random

import pytest

from trainer.contrast.words import opposites, replaced, reworded, synonyms, turning
from trainer.contrast.writers import WRITERS


def test_a_word_is_exchanged_inside_names_and_in_its_own_case():
    text = "LoginFailed: FAILED attempt, failed_count=<num>"
    assert (
        replaced(text, {"failed": "succeeded"}) == "LoginSucceeded: SUCCEEDED attempt, succeeded_count=<num>"
    )


def test_placeholders_are_no_words():
    assert replaced("up <hex> <up>", {"up": "down", "hex": "x"}) == "down <hex> <up>"
    assert turning("<num> <path>", random.Random(0)) == {}


def test_turning_twice_with_the_only_opposite_gives_the_line_back():
    line = "Connection accepted on port 22"
    there = {"accepted": "rejected"}
    assert replaced(replaced(line, there), {"rejected": "accepted"}) == line


def test_every_opposite_is_mutual_and_no_synonym():
    for word, others in opposites().items():
        assert word not in others
        assert all(word in opposites()[other] for other in others)


@pytest.mark.parametrize("word", ["failed", "denied", "login", "root"])
def test_a_word_and_its_opposite_are_not_taken_for_synonyms(word):
    assert not set(opposites()[word]) & set(synonyms().get(word, ()))


def test_other_words_for_the_same_are_not_the_same_words():
    other = reworded("user denied by policy", random.Random(3))
    assert other is not None and other != "user denied by policy"
    assert reworded("zzz", random.Random(3)) is None


@pytest.mark.parametrize("write", WRITERS)
def test_every_format_has_the_message_and_all_values(write):
    text = write('disk "a" full', {"host.name": "db-1", "code": "17"}, random.Random(5))
    assert "disk" in text and "full" in text and "db-1" in text and "17" in text
