from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from trainer.contrast.model import WeightedEncoder, add_entries
from trainer.contrast.placeholders import spelled
from trainer.contrast.stage import validate
from trainer.contrast.train import Contrast, learning_rate_at, train
from trainer.settings import ContrastSettings
from trainer.stages import checkpoint
from trainer.vocabulary.tokenizer import content_tokens

SETTINGS = ContrastSettings(
    steps=8, bag_steps=4, batch_items=8, bag_items=16, max_length=48, lengths=[16], checkpoint_minutes=60
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


@pytest.mark.parametrize("stop", [2, 4, 6])
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


def test_the_first_steps_leave_the_layers_alone(begin, tmp_path):
    run = begin(tmp_path / "run")
    layer = run.model.encoder.encoder.layer[0].output.dense.weight.detach().clone()
    table = run.model.encoder.embeddings.word_embeddings.weight.detach().clone()
    for _ in range(SETTINGS.bag_steps):
        run.step()
    assert torch.equal(layer, run.model.encoder.encoder.layer[0].output.dense.weight)
    assert not torch.equal(table, run.model.encoder.embeddings.word_embeddings.weight)
    run.step()
    assert not torch.equal(layer, run.model.encoder.encoder.layer[0].output.dense.weight)


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


def test_the_learning_rate_warms_up_twice():
    rates = [learning_rate_at(step, SETTINGS) for step in range(SETTINGS.steps)]
    assert max(rates[:4]) <= SETTINGS.bag_learning_rate and max(rates[4:]) <= SETTINGS.learning_rate
    assert rates[3] < rates[0] and rates[7] < rates[4]
