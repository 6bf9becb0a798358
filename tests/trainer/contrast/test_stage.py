"""The stage in a run, from logs to a bundle, and the same training packed for a GPU."""

from __future__ import annotations

import json

import numpy as np
import pytest

from encoder_core import Bundle, Encoder

CONFIG = """
work = "{work}"
[[corpus]]
paths = ["{logs}"]
domain = "mixed"
[dedup]
heldout = 0.05
[tokenizer]
vocabulary = 600
[pretrain]
size = "small-for-tests"
steps = 4
batch_tokens = 512
max_length = 48
[contrast]
steps = 6
bag_steps = 4
batch_items = 8
bag_items = 16
max_length = 48
texts = ["{pairs}"]
"""


@pytest.fixture(scope="module")
def config(small_size, lines, pairs_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "logs.log").write_text("\n".join(lines[:600]) + "\n")
    path = folder / "run.toml"
    path.write_text(CONFIG.format(work=folder / "work", logs=folder / "logs.log", pairs=pairs_file))
    return path


@pytest.fixture(scope="module")
def finished(config):
    """The work folder of a whole run."""
    from trainer import run
    from trainer.cli import load_settings

    settings = load_settings(config)
    run.run(settings)
    return settings.work


def test_a_run_with_contrast_exports_its_model(finished):
    bundle = Bundle.load(finished / "bundle")
    options = bundle.manifest["training"]["contrast"]
    assert options["steps"] == 6 and 0 <= options["measured"]["turned"] <= 1
    assert options["texts"] == ["pairs.jsonl"]
    card = (bundle.path / "README.md").read_text()
    assert "trained by contrast" in card and "to the power of 0.5" in card and " hours, on " in card
    encoder = Encoder(bundle)
    assert np.isfinite(encoder.embed(["accepted from <ip>", "up"])).all()
    assert not list((finished / "contrast").glob("checkpoint-*"))


def test_a_finished_stage_is_not_made_again(finished, config, trainer_command):
    answer = trainer_command("contrast", "--config", config)
    assert answer.code == 0
    assert [line.split(":")[0] for line in answer.out.splitlines() if "up to date" in line] == [
        "items",
        "teaching",
        "contrast",
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("contrast.steps=0", "contrast.steps"),
        ("contrast.teacher=no_such_package", "contrast.teacher"),
        ("contrast.texts=['nowhere.jsonl']", "nowhere.jsonl"),
    ],
)
def test_what_can_not_be_used_is_named_in_one_line(finished, config, trainer_command, change, named):
    answer = trainer_command("contrast", "--config", config, "--set", change)
    assert answer.code in (1, 2)
    assert named in answer.err and len(answer.err.splitlines()) == 1


def test_the_same_training_travels_to_another_machine_and_back(finished, config, tmp_path, capsys):
    from benchmarks.gpu_training import PIECE_BYTES, main
    from trainer.export.pooling import Pooling
    from trainer.pretraining.pretrain import load_model

    packed, out, model = tmp_path / "packed", tmp_path / "out", tmp_path / "model"
    main(["pack", str(config), str(packed)])
    main(["train", str(packed), str(out), "0.02"])
    assert all(path.stat().st_size <= PIECE_BYTES for path in out.iterdir())
    main(["join", str(packed), str(out), str(model)])
    figures = json.loads((model / "figures.json").read_text())
    assert figures["settings"]["steps"] >= 2 and 0 <= figures["template"] <= 1
    pooling = Pooling.load(model)
    assert pooling is not None
    assert len(pooling.tokens) == load_model(model).config.vocab_size


def test_a_training_goes_on_from_the_table_and_weights_of_a_bundle(finished, config, tmp_path):
    from trainer.cli import load_settings
    from trainer.contrast.stage import open_run
    from trainer.export.pooling import Pooling
    from trainer.pretraining.pretrain import load_model
    from trainer.stages.work import Work

    settings = load_settings(config)
    options = settings.contrast.model_copy(update={"start_from": finished / "bundle"})
    run = open_run(Work.of(settings), finished / "bundle" / "tokenizer.json", options, tmp_path)
    weights = run.model.token_weights.detach().exp().numpy()
    assert np.allclose(weights, Pooling.load(finished / "contrast").tokens, rtol=1e-3)
    tables = [
        lm.deberta.embeddings.word_embeddings.weight.detach().numpy()
        for lm in (run.model.lm, load_model(finished / "contrast"))
    ]
    assert np.allclose(*tables, atol=1e-3)
