from __future__ import annotations

import csv
import math
from dataclasses import replace

import pytest
import torch

import trainer.pretrain
from trainer.dataset import encode_lines
from trainer.model import make_config
from trainer.pretrain import (
    PretrainSettings,
    endless_batches,
    learning_rate_at,
    load_checkpoint,
    load_weights,
    make_optimizer,
    pretrain,
    save_checkpoint,
)

STEPS = 43
CUT = 27
"""Where a run is interrupted: between two rows of the loss curve and in the second epoch of ``few``."""


@pytest.fixture(scope="module")
def few(tokenizer, lines):
    """So few lines that ``STEPS`` steps are several epochs."""
    return encode_lines(tokenizer, lines[:300])


@pytest.fixture(scope="module")
def settings(small_size) -> PretrainSettings:
    return PretrainSettings(
        size=small_size, steps=STEPS, batch_tokens=1_024, max_length=64, learning_rate=5e-3, seed=3
    )


@pytest.fixture
def losses(monkeypatch) -> list[float]:
    """Every step's loss, as the training loop computes it."""
    seen = []
    real = trainer.pretrain.masked_loss

    def recorded(*arguments):
        loss = real(*arguments)
        seen.append(loss.item())
        return loss

    monkeypatch.setattr(trainer.pretrain, "masked_loss", recorded)
    return seen


@pytest.fixture
def killed_at(monkeypatch):
    """``killed_at(step, saved=True)`` ends the next run after that step, with or without its checkpoint."""
    real = trainer.pretrain.save_checkpoint

    def arrange(step, *, saved=True):
        def save(folder, model, optimizer, at):
            if at != step or saved:
                real(folder, model, optimizer, at)
            if at == step:
                raise KeyboardInterrupt

        monkeypatch.setattr(trainer.pretrain, "save_checkpoint", save)

    yield arrange
    monkeypatch.undo()


def curve(folder):
    with (folder / "loss.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def stop_at(step, few, tokenizer, settings, folder, killed_at):
    """A run with a checkpoint after every step, killed after ``step``."""
    killed_at(step)
    with pytest.raises(KeyboardInterrupt):
        pretrain(few, tokenizer, replace(settings, checkpoint_minutes=0.0), folder)
    killed_at(None)


def test_the_loss_falls(run):
    rows = curve(run.folder)
    first, last = float(rows[0]["loss"]), float(rows[-1]["loss"])
    assert math.log(1_000) > first > last + 0.3


def test_the_curve_has_a_row_every_twenty_steps(run):
    rows = curve(run.folder)
    assert list(rows[0]) == ["step", "loss", "learning_rate", "tokens", "seconds"]
    assert [int(row["step"]) for row in rows] == [20, 40, 60]
    for row in rows:
        assert float(row["learning_rate"]) == pytest.approx(
            learning_rate_at(int(row["step"]) - 1, run.settings), rel=0.01
        )
    assert 0 < int(rows[0]["tokens"]) < int(rows[1]["tokens"]) < int(rows[2]["tokens"]) <= 60 * 1_024


def test_a_row_of_the_curve_is_the_mean_of_its_steps(few, tokenizer, settings, tmp_path, losses):
    pretrain(few, tokenizer, replace(settings, steps=40), tmp_path)
    assert [float(row["loss"]) for row in curve(tmp_path)] == [
        pytest.approx(sum(losses[:20]) / 20, abs=1e-4),
        pytest.approx(sum(losses[20:]) / 20, abs=1e-4),
    ]


def test_the_checkpoint_holds_the_model_that_was_returned(run, new_model):
    other = new_model(5)
    load_weights(run.folder, other)
    for (name, ours), (_, theirs) in zip(run.model.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(ours, theirs), name
    assert other.cls.predictions.decoder.weight is other.deberta.embeddings.word_embeddings.weight


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    few, tokenizer, settings, tmp_path, losses, killed_at
):
    whole = pretrain(few, tokenizer, settings, tmp_path / "whole")
    expected, losses[:] = list(losses), []
    assert len(expected) == STEPS

    stop_at(CUT, few, tokenizer, settings, tmp_path / "cut", killed_at)
    assert losses == pytest.approx(expected[:CUT], abs=1e-6)
    losses.clear()
    resumed = pretrain(few, tokenizer, settings, tmp_path / "cut")
    assert losses == pytest.approx(expected[CUT:], abs=1e-6)
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_the_curve_of_a_run_killed_after_its_checkpoint_has_each_row_once(
    few, tokenizer, settings, tmp_path, killed_at
):
    stop_at(CUT, few, tokenizer, settings, tmp_path, killed_at)
    # A row past the checkpoint that the run goes back to, as after a kill between two checkpoints.
    with (tmp_path / "loss.csv").open("a", newline="") as stream:
        csv.writer(stream).writerow([40, "9.9999", "1.00e-03", 1, "1.0"])
    pretrain(few, tokenizer, settings, tmp_path)
    rows = curve(tmp_path)
    assert [row["step"] for row in rows] == ["20", "40"]
    assert rows[1]["loss"] != "9.9999"


def test_the_curve_of_a_run_killed_before_its_first_checkpoint_starts_again(
    few, tokenizer, settings, tmp_path, killed_at
):
    killed_at(STEPS, saved=False)
    with pytest.raises(KeyboardInterrupt):
        pretrain(few, tokenizer, settings, tmp_path)
    assert not (tmp_path / "checkpoint.safetensors").exists()
    assert len(curve(tmp_path)) == 2
    killed_at(None)
    pretrain(few, tokenizer, settings, tmp_path)
    assert [row["step"] for row in curve(tmp_path)] == ["20", "40"]


def test_a_finished_run_is_not_trained_further(few, tokenizer, settings, tmp_path, losses):
    short = replace(settings, steps=3)
    model = pretrain(few, tokenizer, short, tmp_path)
    again = pretrain(few, tokenizer, short, tmp_path)
    assert len(losses) == 3
    for ours, theirs in zip(again.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def nan_loss(loss, model):
    return loss * float("nan")


def infinite_gradient(loss, model):
    """A finite loss whose gradient is not."""
    return loss + torch.sqrt(next(model.parameters()).square().sum() * 0)


@pytest.mark.parametrize("spoil", [nan_loss, infinite_gradient])
def test_a_loss_or_gradient_that_is_not_finite_ends_the_run_and_leaves_the_last_checkpoint(
    few, tokenizer, settings, tmp_path, monkeypatch, spoil
):
    real = trainer.pretrain.masked_loss
    steps = iter(range(STEPS))

    def spoilt(model, *arguments):
        loss = real(model, *arguments)
        return spoil(loss, model) if next(steps) == 5 else loss

    monkeypatch.setattr(trainer.pretrain, "masked_loss", spoilt)
    with pytest.raises(FloatingPointError, match="step 5"):
        pretrain(few, tokenizer, replace(settings, checkpoint_minutes=0.0), tmp_path)
    tensors = load_weights(tmp_path, trainer.pretrain.make_model(make_config(settings.size, 1_000)))
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.safetensors", "loss.csv"]


def test_a_save_that_fails_leaves_the_last_checkpoint(run, tmp_path, new_model, settings, monkeypatch):
    model = new_model(1)
    optimizer = make_optimizer(model, settings)
    save_checkpoint(tmp_path, model, optimizer, 4)

    def full_disk(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(trainer.pretrain, "save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path, model, optimizer, 5)
    assert load_checkpoint(tmp_path, model, optimizer) == 4


def test_batches_go_on_where_they_were_left_across_epochs(few, tokenizer, settings):
    every = endless_batches(few, settings, tokenizer, skip=0)
    expected = [next(every) for _ in range(40)]
    later = endless_batches(few, settings, tokenizer, skip=31)
    for batch in expected[31:]:
        again = next(later)
        assert torch.equal(again.ids, batch.ids)
        assert torch.equal(again.attention, batch.attention)


def test_the_learning_rate_warms_up_and_falls_to_a_tenth(settings):
    settings = replace(settings, steps=1_000, warmup_share=0.1, learning_rate=2.0)
    rates = [learning_rate_at(step, settings) for step in range(1_000)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[49] == pytest.approx(1.0)
    assert max(rates) == rates[99] == rates[100] == 2.0
    assert rates[550] == pytest.approx(2.0 * 0.55)
    assert rates[-1] == pytest.approx(0.2, rel=1e-3)
    assert rates[100:] == sorted(rates[100:], reverse=True)


def test_biases_and_norms_are_not_decayed(new_model, settings):
    model = new_model(1)
    decayed, plain = make_optimizer(model, settings).param_groups
    assert decayed["weight_decay"] == settings.weight_decay > 0
    assert plain["weight_decay"] == 0
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)].rsplit(".", 1)[-1] for p in decayed["params"]} == {"weight"}
    for p in plain["params"]:
        assert names[id(p)].endswith("bias") or "LayerNorm" in names[id(p)]
    assert len(decayed["params"]) + len(plain["params"]) == len(names)


def test_an_unknown_size_is_an_error_that_names_the_known_ones(small_size):
    with pytest.raises(ValueError, match=f"'enormous'.*tiny.*{small_size}"):
        make_config("enormous", 1_000)
