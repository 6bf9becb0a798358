from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from trainer.contrast.beginning import beginning, known_words
from trainer.contrast.items import word_items
from trainer.contrast.model import WeightedEncoder, add_entries
from trainer.contrast.placeholders import spelled
from trainer.contrast.stage import validate
from trainer.contrast.store import make_items
from trainer.contrast.train import Contrast, learning_rate_at, train
from trainer.contrast.validate import unit
from trainer.settings import ContrastSettings
from trainer.stages import checkpoint
from trainer.vocabulary.tokenizer import content_tokens

SETTINGS = ContrastSettings(
    steps=10,
    bag_steps=4,
    masked_steps=2,
    batch_items=8,
    bag_items=16,
    max_length=48,
    lengths=[16],
    checkpoint_minutes=60,
)


@pytest.fixture
def begin(run, items, wide, tokenizer):
    """``begin(folder)`` is a run on the small model, at the last checkpoint of the folder."""
    arrays, texts = items
    teacher = np.random.default_rng(2).normal(size=(len(texts), 12)).astype(np.float16)

    def make(folder, settings=SETTINGS) -> Contrast:
        folder.mkdir(exist_ok=True)
        lm = copy.deepcopy(run.model)
        add_entries(lm, spelled(wide, tokenizer))
        allowed = torch.tensor(content_tokens(wide))
        return Contrast(
            WeightedEncoder(lm),
            arrays,
            teacher,
            settings,
            folder,
            allowed=allowed,
            mask_id=wide.token_to_id("[MASK]"),
            pad_id=0,
        )

    return make


@pytest.mark.parametrize("stop", [2, 4, 5, 8])
def test_a_run_that_was_interrupted_ends_as_if_it_had_not_been(begin, tmp_path, stop):
    whole = begin(tmp_path / "whole")
    train(whole)
    first = begin(tmp_path / "parts")
    while first.progress.step < stop:
        first.step()
    first.save()
    first.step()  # lost
    second = begin(tmp_path / "parts")
    assert second.progress.step == stop
    train(second)
    for (name, one), other in zip(whole.model.named_parameters(), second.model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5), name
    assert checkpoint.records(tmp_path / "whole")
    assert (tmp_path / "whole" / "loss.png").exists()


def test_the_table_is_trained_first_then_the_layers_alone_then_all_together(begin, tmp_path):
    run = begin(tmp_path / "run")

    def moved(steps):
        """Whether steps change table, weights of tokens, and layers."""
        parts = (
            run.model.encoder.embeddings.word_embeddings.weight,
            run.model.token_weights,
            run.model.encoder.encoder.layer[0].output.dense.weight,
        )
        before = [part.detach().clone() for part in parts]
        for _ in range(steps):
            run.step()
        return [not torch.equal(one, other) for one, other in zip(before, parts, strict=True)]

    assert moved(SETTINGS.bag_steps) == [True, True, False]
    assert moved(SETTINGS.masked_steps) == [False, False, True]
    assert moved(1) == [True, True, True]


def test_words_begin_with_the_teachers_vectors(run, items, wide, tokenizer):
    arrays, texts = make_items(word_items(wide), wide, max_length=48)
    teacher = np.random.default_rng(2).normal(size=(len(texts), 12)).astype(np.float16)
    lm = copy.deepcopy(run.model)
    before = lm.deberta.embeddings.word_embeddings.weight.detach().clone()
    model = beginning(lm, wide, tokenizer, arrays, teacher, words=True)
    table = model.encoder.embeddings.word_embeddings.weight.detach()
    entries, _ = known_words(arrays, wide, teacher)
    assert {wide.decode([entry]).strip() for entry in entries} == set(texts)
    said = dict(zip(texts, teacher - teacher.mean(0), strict=True))
    theirs = np.stack([said[wide.decode([entry]).strip()] for entry in entries])
    ours = table[entries, :12].numpy()
    cosines = [(unit(rows) @ unit(rows).T).ravel() for rows in (ours, theirs.astype(np.float32))]
    assert np.corrcoef(cosines)[0, 1] > 0.9
    others = np.setdiff1d(np.arange(len(before)), entries)
    assert torch.equal(table[others], before[others])


def test_turned_words_end_up_apart_and_templates_are_found(begin, tmp_path):
    settings = SETTINGS.model_copy(
        update={"steps": 60, "bag_steps": 60, "bag_learning_rate": 1e-2, "teacher_weight": 0.0}
    )
    run = begin(tmp_path / "run", settings)
    arrays = run.items
    run.items.held[:] = True  # all are measured; the sampler knows them already
    before = validate(run)
    train(run)
    after = validate(run)
    arrays.held[:] = False
    assert after["turned"] > before["turned"] + 0.25
    assert after["template"] > before["template"]


def test_the_learning_rate_warms_up_in_each_phase():
    rates = [learning_rate_at(step, SETTINGS) for step in range(SETTINGS.steps)]
    assert max(rates[:4]) <= SETTINGS.bag_learning_rate and max(rates[4:]) <= SETTINGS.learning_rate
    assert rates[3] < rates[0] and rates[9] < rates[6] == rates[4] == SETTINGS.learning_rate
