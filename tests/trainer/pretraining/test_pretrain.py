from __future__ import annotations

import csv
import json
import math

import pytest
import torch
from safetensors.torch import load_file

import trainer.pretraining.engine
import trainer.pretraining.pretrain
from encoder_core.bundle import sha256_of
from trainer.pretraining.model import make_config
from trainer.pretraining.pretrain import (
    Pretraining,
    SpikeError,
    endless_batches,
    learning_rate_at,
    load_model,
    pretrain,
    spike_ratio,
)
from trainer.settings import PretrainSettings
from trainer.stages import checkpoint
from trainer.stages.checkpoint import CheckpointError
from trainer.vocabulary.tokens import encode_lines

STEPS = 43
CUT = 21
"""Where a run is interrupted: between two rows of the loss curve and in the second pass over ``few``."""


@pytest.fixture(scope="module")
def few(tokenizer, lines):
    """So few lines that ``STEPS`` steps are several passes."""
    return encode_lines(tokenizer, lines[:300])


@pytest.fixture(scope="module")
def settings(small_size) -> PretrainSettings:
    return PretrainSettings(
        size=small_size, steps=STEPS, batch_tokens=1_024, max_length=64, learning_rate=5e-3, seed=3
    )


def altered(settings, **values):
    return PretrainSettings(**settings.model_dump() | values)


@pytest.fixture
def losses(monkeypatch) -> list[float]:
    """Every step's mean loss."""
    seen = []
    real = Pretraining.step

    def recorded(self):
        result = real(self)
        seen.append(result[0])
        return result

    monkeypatch.setattr(Pretraining, "step", recorded)
    return seen


def curve(folder):
    with (folder / "loss.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def stop_at(step, few, tokenizer, settings, folder, monkeypatch):
    """A run with a checkpoint after every step, killed after that of ``step``."""
    real = checkpoint.save_checkpoint

    def save(where, tensors, progress):
        real(where, tensors, progress)
        if progress.step == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_checkpoint", save)
        with pytest.raises(KeyboardInterrupt):
            pretrain(few, tokenizer, altered(settings, checkpoint_minutes=0.0), folder)


def test_the_loss_falls(run):
    rows = curve(run.folder)
    first, last = float(rows[0]["loss"]), float(rows[-1]["loss"])
    assert math.log(1_000) > first > last + 0.3


def test_the_curve_has_a_row_every_twenty_steps(run):
    rows = curve(run.folder)
    assert [int(row["step"]) for row in rows] == [20, 40, 60]
    for row in rows:
        expected = learning_rate_at(int(row["step"]) - 1, run.settings)
        assert float(row["learning_rate"]) == pytest.approx(expected, rel=0.01)
        assert 0 < float(row["gradient_norm"]) < 100
    assert 0 < int(rows[0]["tokens"]) < int(rows[1]["tokens"]) < int(rows[2]["tokens"]) <= 60 * 1_024
    assert 0 < float(rows[0]["seconds"]) < float(rows[2]["seconds"])


def test_a_row_of_the_curve_is_the_mean_of_its_steps(few, tokenizer, settings, tmp_path, losses):
    pretrain(few, tokenizer, altered(settings, steps=40), tmp_path)
    assert [float(row["loss"]) for row in curve(tmp_path)] == [
        pytest.approx(sum(losses[:20]) / 20, abs=1e-4),
        pytest.approx(sum(losses[20:]) / 20, abs=1e-4),
    ]


def test_a_finished_run_leaves_the_model_the_curve_and_its_picture(run):
    names = sorted(path.name for path in run.folder.iterdir() if not path.name.startswith("."))
    assert [n for n in names if n != "generation_config.json"] == [
        "config.json",
        "loss.csv",
        "loss.png",
        "model.safetensors",
    ]
    again = load_model(run.folder)
    assert again.config.enhanced_mask_decoder
    for (name, ours), (_, theirs) in zip(run.model.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(ours, theirs), name
    assert again.cls.predictions.decoder.weight is again.deberta.embeddings.word_embeddings.weight


@pytest.mark.parametrize("packing", [False, True])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    few, tokenizer, settings, tmp_path, losses, monkeypatch, packing
):
    settings = altered(settings, packing=packing, accumulation=2 if packing else 1)
    whole = pretrain(few, tokenizer, settings, tmp_path / "whole")
    expected, losses[:] = list(losses), []
    assert len(expected) == STEPS

    stop_at(CUT, few, tokenizer, settings, tmp_path / "cut", monkeypatch)
    assert losses == pytest.approx(expected[:CUT], abs=1e-6)
    losses.clear()
    resumed = pretrain(few, tokenizer, settings, tmp_path / "cut")
    assert len(losses) >= 20
    assert losses == pytest.approx(expected[CUT:], abs=1e-6)
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    for ours, theirs in zip(curve(tmp_path / "cut"), curve(tmp_path / "whole"), strict=True):
        assert ours["tokens"] == theirs["tokens"]
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)


def test_a_run_killed_after_its_checkpoint_has_each_row_of_the_curve_once(
    few, tokenizer, settings, tmp_path, monkeypatch
):
    stop_at(CUT, few, tokenizer, settings, tmp_path, monkeypatch)
    # A row past the checkpoint that the run goes back to, as after a kill between two checkpoints.
    with (tmp_path / "loss.csv").open("a", newline="") as stream:
        csv.writer(stream).writerow([40, "9.9999", "1.00e-03", 1, 1, "1.0"])
    pretrain(few, tokenizer, settings, tmp_path)
    rows = curve(tmp_path)
    assert [row["step"] for row in rows] == ["20", "40"]
    assert rows[1]["loss"] != "9.99990"


def test_gradients_of_several_batches_make_one_step(few, tokenizer, settings, tmp_path, losses):
    """Two batches of one step weigh by their predictions: a step over them is no mean of two means."""
    run = Pretraining(few, tokenizer, altered(settings, accumulation=2), tmp_path / "two")
    run.step()
    assert run.progress.batches == 2
    single = Pretraining(few, tokenizer, settings, tmp_path / "one")
    pairs = []
    for number in range(2):
        batch = next(single.batches)
        inputs, labels = single.masked(batch, number)
        loss = single.engine.backward(inputs, batch.segments, labels, predictions=1)
        pairs.append((loss, int((labels >= 0).sum())))
    assert losses[0] == pytest.approx(sum(a for a, _ in pairs) / sum(b for _, b in pairs), abs=1e-5)


def nan_loss(loss, step):
    return loss * float("nan")


def infinite_gradient(loss, step):
    """A finite loss whose gradient is not."""
    return loss + torch.sqrt(loss * 0)


def spoil(monkeypatch, how, at):
    """Spoils the loss of the backward passes whose numbers are in ``at``."""
    real, calls = trainer.pretraining.engine.masked_loss, iter(range(10_000))

    def spoilt(*arguments):
        loss, number = real(*arguments), next(calls)
        return how(loss, number) if number in at else loss

    monkeypatch.setattr(trainer.pretraining.engine, "masked_loss", spoilt)


@pytest.mark.parametrize("how", [nan_loss, infinite_gradient])
def test_a_loss_that_is_no_number_sends_the_run_back_and_past_the_batch(
    few, tokenizer, settings, tmp_path, monkeypatch, losses, how, capsys
):
    spoil(monkeypatch, how, {5})
    model = pretrain(few, tokenizer, settings, tmp_path)
    assert "step 6: the loss spiked to" in capsys.readouterr().out
    assert len(losses) == STEPS + 6, "six steps were given up and done again with other batches"
    assert all(p.isfinite().all() for p in model.parameters())


def test_the_batches_of_a_spike_are_not_used_again(few, tokenizer, settings, tmp_path, monkeypatch, losses):
    spoil(monkeypatch, nan_loss, {5})
    pretrain(few, tokenizer, settings, tmp_path / "spoilt")
    spoilt, losses[:] = losses[6:], []
    assert losses == []
    pretrain(few, tokenizer, settings, tmp_path / "well")
    assert spoilt[0] != pytest.approx(losses[0], abs=1e-6)
    assert spoilt[0] == pytest.approx(losses[0], rel=0.1), "but of weights as at the beginning"


@pytest.mark.parametrize("how", [nan_loss, infinite_gradient])
def test_a_run_that_keeps_spiking_ends_and_keeps_the_last_good_checkpoint(
    few, tokenizer, settings, tmp_path, monkeypatch, how
):
    spoil(monkeypatch, how, range(12, 10_000))
    with pytest.raises(SpikeError, match=r"spiked.*3 times.*learning_rate"):
        pretrain(few, tokenizer, altered(settings, checkpoint_minutes=0.0), tmp_path)
    tensors, progress = checkpoint.load_checkpoint(tmp_path)
    assert progress.step == 12
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_a_spike_is_a_loss_well_above_the_recent_median():
    calm = [5.0 - 0.01 * n for n in range(100)]
    assert spike_ratio([]) == 0
    assert spike_ratio(calm[:40]) == 0, "too early to say"
    assert spike_ratio(calm) == pytest.approx(1, abs=0.15)
    assert spike_ratio([*calm, 20.0]) < 1.5, "one odd batch"
    assert spike_ratio(calm + [8.0] * 10) > 1.5
    assert spike_ratio([*calm, math.nan]) == math.inf


def test_no_checkpoint_is_written_while_the_loss_is_on_its_way_up(
    few, tokenizer, settings, tmp_path, monkeypatch
):
    ratios = iter([0.0] * 9 + [1.4] * 10_000)
    monkeypatch.setattr(trainer.pretraining.pretrain, "spike_ratio", lambda recent: next(ratios))
    saved = []
    monkeypatch.setattr(
        checkpoint, "save_checkpoint", lambda folder, tensors, progress: saved.append(progress.step)
    )
    pretrain(few, tokenizer, altered(settings, steps=20, checkpoint_minutes=0.0), tmp_path)
    assert saved == list(range(10))


def test_two_checkpoints_are_kept(few, tokenizer, settings, tmp_path, monkeypatch):
    stop_at(CUT, few, tokenizer, settings, tmp_path, monkeypatch)
    assert [path.stem for path in checkpoint.records(tmp_path)] == [
        f"checkpoint-{CUT - 1:08d}",
        f"checkpoint-{CUT:08d}",
    ]
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


@pytest.fixture
def stopped(few, tokenizer, settings, tmp_path, monkeypatch):
    stop_at(CUT, few, tokenizer, settings, tmp_path, monkeypatch)
    return tmp_path


def hashes(folder):
    return {path.name: sha256_of(path) for path in folder.iterdir() if path.suffix != ".csv"}


def flip_a_byte(folder):
    path = folder / f"checkpoint-{CUT:08d}.safetensors"
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


def cut_the_weights(folder):
    path = folder / f"checkpoint-{CUT:08d}.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def cut_the_record(folder):
    path = folder / f"checkpoint-{CUT:08d}.json"
    path.write_text(path.read_text()[:-9])


@pytest.mark.parametrize("damage", [flip_a_byte, cut_the_weights, cut_the_record])
def test_a_corrupt_checkpoint_is_an_error_that_names_it_and_the_way_on(
    few, tokenizer, settings, stopped, damage, losses
):
    damage(stopped)
    before = hashes(stopped)
    name = f"checkpoint-{CUT:08d}"
    with pytest.raises(CheckpointError, match=rf"{name}.*remove .*{name}.json.*checkpoint-{CUT - 1:08d}"):
        pretrain(few, tokenizer, settings, stopped)
    assert hashes(stopped) == before, "nothing was overwritten"

    (stopped / f"{name}.json").unlink()
    pretrain(few, tokenizer, settings, stopped)
    assert len(losses) == STEPS - (CUT - 1)


def test_a_checkpoint_that_was_not_vouched_for_does_not_count(few, tokenizer, settings, stopped, losses):
    """As after a kill between the two files of a checkpoint."""
    (stopped / f"checkpoint-{CUT:08d}.json").unlink()
    pretrain(few, tokenizer, settings, stopped)
    assert len(losses) == STEPS - (CUT - 1)


def test_a_full_disk_leaves_the_last_checkpoint(few, tokenizer, settings, stopped, monkeypatch):
    before = hashes(stopped)

    def full_disk(tensors, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(CheckpointError, match=r"checkpoint-00000022.safetensors.*No space left.*is kept"):
        pretrain(few, tokenizer, altered(settings, checkpoint_minutes=0.0), stopped)
    assert hashes(stopped) == before


def test_a_checkpoint_says_where_the_run_was(stopped):
    record = json.loads((stopped / f"checkpoint-{CUT:08d}.json").read_text())
    assert record["step"] == record["batches"] == CUT
    assert record["tokens"] > 0
    assert len(record["recent"]) == CUT
    names = set(load_file(stopped / f"checkpoint-{CUT:08d}.safetensors"))
    kinds = {name.split(".")[0] for name in names}
    assert kinds == {"model", "exp_avg", "exp_avg_sq"}


def test_a_training_can_start_from_a_bundle_s_weights(run, few, tokenizer, settings, tmp_path):
    begun = Pretraining(few, tokenizer, altered(settings, start_from=run.folder), tmp_path)
    for ours, theirs in zip(begun.engine.lm.parameters(), run.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_weights_that_do_not_fit_are_an_error_that_names_them(run, few, tokenizer, settings, tmp_path):
    with pytest.raises(
        ValueError, match=r"pretrain.start_from.*word_embeddings.*\(1000, 32\).*\(1000, 256\)"
    ):
        Pretraining(few, tokenizer, altered(settings, size="tiny", start_from=run.folder), tmp_path)


def test_batches_go_on_where_they_were_left_across_passes(few, tokenizer, settings):
    every = endless_batches(few, settings, tokenizer, skip=0)
    expected = [next(every) for _ in range(40)]
    later = endless_batches(few, settings, tokenizer, skip=31)
    for batch in expected[31:]:
        again = next(later)
        assert torch.equal(again.ids, batch.ids)
        assert torch.equal(again.segments, batch.segments)


def test_the_learning_rate_warms_up_and_falls_to_a_tenth(settings):
    settings = altered(settings, steps=1_000, warmup_share=0.1, learning_rate=2.0)
    rates = [learning_rate_at(step, settings) for step in range(1_000)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[49] == pytest.approx(1.0)
    assert max(rates) == rates[99] == rates[100] == 2.0
    assert rates[550] == pytest.approx(2.0 * 0.55)
    assert rates[-1] == pytest.approx(0.2, rel=1e-3)
    assert rates[100:] == sorted(rates[100:], reverse=True)


def test_biases_and_norms_are_not_decayed(new_model, settings):
    model = new_model(1)
    decayed, plain = trainer.pretraining.engine.make_optimizer(model, settings).param_groups
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
