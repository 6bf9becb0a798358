from __future__ import annotations

import numpy as np
import pytest

from trainer.contrast.batches import Sampler
from trainer.contrast.items import ALONE, ENGLISH, LOG, TURNED, english_items
from trainer.contrast.phrases import phrase_items
from trainer.contrast.store import Items, choose_texts, make_items
from trainer.contrast.words import words_of
from trainer.stages.manifest import StageError


def test_an_item_has_its_template_first_and_lines_of_it(listed):
    logs = [item for item in listed if item.kind == LOG]
    assert logs and all(len(item.texts) > 1 for item in logs)
    assert any("<ip>" in item.texts[0] and "<ip>" not in item.texts[1] for item in logs)


def test_a_turned_item_differs_from_its_own_in_one_word_and_stands_beside_it(listed):
    turned = [item for item in listed if item.kind == TURNED]
    assert {listed[item.companions[0]].kind for item in turned} == {LOG, ENGLISH}
    for item in turned:
        (place,) = item.companions
        words, others = (set(map(str.lower, words_of(i.texts[0]))) for i in (item, listed[place]))
        assert listed[place].companions[0] == listed.index(item)
        assert len(words - others) <= 1 and words != others
        assert not item.teacher


def test_descriptions_and_events_are_pairs_and_a_text_is_alone(listed):
    assert [len(item.texts) for item in listed if item.kind == ENGLISH] == [2, 2, 2]
    assert [len(item.texts) for item in listed if item.kind == ALONE] == [1]


def test_of_an_item_and_its_opposite_a_batch_takes_texts_at_the_same_places(wide):
    arrays, _ = make_items(list(phrase_items(0, seed=1)), wide, max_length=48)
    batch = Sampler(arrays, english=0.9, power=0.5, seed=4).batch(0, 24)
    picked = {
        int(item): (one - arrays.texts[item], two - arrays.texts[item])
        for item, one, two in zip(batch.items, batch.anchors, batch.positives, strict=True)
    }
    turned = [item for item in picked if arrays.kinds[item] == TURNED]
    assert turned
    for item in turned:
        assert picked[item] == picked[int(arrays.companions[arrays.companion_starts[item]])]


def test_a_broken_file_of_pairs_is_named(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"query": "a", "event": "b"}\n{oops\n')
    with pytest.raises(StageError, match=r"pairs\.jsonl: line 2"):
        list(english_items([path]))


def test_arrays_come_back_from_the_disk(items, tmp_path):
    arrays, _ = items
    arrays.save(tmp_path)
    again = Items.load(tmp_path)
    assert again.names == arrays.names
    assert (again.row(5) == arrays.row(5)).all() and len(again) == len(arrays)


def test_a_placeholder_is_one_token_with_the_space_before_it(wide, tokenizer):
    text = "from <ip> port <num>"
    words = [wide.encode(part, add_special_tokens=False).ids for part in ("from", "<ip>", " port", "<num>")]
    assert wide.encode(text, add_special_tokens=False).ids == [index for part in words for index in part]
    assert len(words[1]) == len(words[3]) == 1
    assert len(tokenizer.encode(text).ids) > len(wide.encode(text).ids)


def test_the_teacher_reads_no_more_than_it_may(items):
    arrays, texts = items
    few, chosen = choose_texts(arrays, texts, 6, power=0.5, seed=1)
    assert len(chosen) == 6
    assert few.teacher.max() == 5
    place = int(np.flatnonzero(few.teacher == 2)[0])
    assert chosen[2] == texts[arrays.teacher[place]]


def test_a_batch_depends_on_its_number_alone_and_has_nothing_held_out(items):
    arrays, _ = items
    sampler = Sampler(arrays, english=0.3, power=0.5, seed=4)
    first, again, other = (
        Sampler(arrays, english=0.3, power=0.5, seed=4).batch(step, 16) for step in (3, 3, 4)
    )
    assert (first.anchors == again.anchors).all()
    assert not np.array_equal(first.anchors, other.anchors)
    for step in range(20):
        batch = sampler.batch(step, 16)
        assert not arrays.held[batch.items].any()
        assert (batch.anchors != batch.positives).all()
        assert (np.searchsorted(arrays.texts, batch.anchors, side="right") - 1 == batch.items).all()
