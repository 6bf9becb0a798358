"""Masks and seeds of a user's own."""

from __future__ import annotations

import time

import pytest

from encoder_core.templates import Templates

MASKS = {"ticket": r"INC\d+", "who": r"(?<=by )\w+"}
SEEDS = ["session opened for <*> by <*>", "Copied report 12 to /srv/a"]
LINES = [
    "INC12 INC34 opened by bob on 192.0.2.1",
    "  session opened  for bob smith by root ",
    "a \x1a b INC1INC2",
]


def both(templates, line):
    match = templates.of_text(line)
    batch = templates.batch(["before 1", line, "after 2"])
    assert batch.match(1) == match
    assert templates.of_text(match.template)[:2] == match[:2]
    return match


def test_a_mask_goes_before_the_rules():
    match = both(Templates(masks=MASKS), LINES[0])
    assert match.template == "<TICKET> <TICKET> opened by <WHO> on <ip>"
    assert [(p.type, p.value) for p in match.parameters[1:3]] == [("TICKET", "INC34"), ("WHO", "bob")]


def test_masks_side_by_side_and_control_characters_are_kept_apart():
    match = both(Templates(masks=MASKS), LINES[2])
    assert match.template == "a b <TICKET><TICKET>"
    assert [p.value for p in match.parameters] == ["INC1", "INC2"]


def test_a_seed_wins_over_masks_and_rules():
    match = both(Templates(MASKS, SEEDS), LINES[1])
    assert match.template == SEEDS[0]
    assert [p.value for p in match.parameters] == ["bob smith", "root"]


def test_a_line_is_a_seed_by_its_template():
    match = both(Templates(seeds=SEEDS), "Copied report annual to elsewhere")
    assert match.template == "Copied report <num> to <path>"
    assert [(p.type, p.value) for p in match.parameters] == [("num", "annual"), ("path", "elsewhere")]


def test_masks_and_seeds_change_every_id():
    ids = {
        templates.of_text("same words").id
        for templates in (Templates(), Templates(MASKS), Templates(seeds=SEEDS), Templates(MASKS, SEEDS))
    }
    assert len(ids) == 4
    assert Templates(masks={}, seeds=[]).of_text("same words").id in ids


def test_an_overlapping_mask_gives_way_to_the_one_before_it():
    templates = Templates(masks={"first": "b+c", "second": "a+b|d+"})
    assert both(templates, "aabbccdd").template == "aa<FIRST>c<SECOND>"


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"a b": "x"}, "templates.masks: a name is up to 32 ASCII letters, digits and _, got 'a b'"),
        ({"a": "("}, r"templates.masks: a: bad regular expression '\(': "),
        ({"a": "x", "A": "y"}, "templates.masks: names differ in more than case, got a, A"),
    ],
)
def test_a_bad_mask_is_named(masks, message):
    with pytest.raises(ValueError, match=message):
        Templates(masks=masks)


def test_an_empty_seed_is_refused():
    with pytest.raises(ValueError, match="a seed is a template or a line, got an empty one"):
        Templates(seeds=[" "])


def test_seeds_take_time_linear_in_the_length():
    templates = Templates(seeds=["a<*>a<*>a<*>a<*>a<*>b"])

    def seconds(count):
        begin = time.process_time()
        templates.of_text("a" * count)
        return time.process_time() - begin

    assert min(seconds(40_000) for _ in range(3)) < 10 * min(seconds(10_000) for _ in range(3)) + 0.02
