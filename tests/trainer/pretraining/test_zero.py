"""Training with DeepSpeed in processes of their own, compared with plain torch in this one."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from trainer.pretraining.pretrain import pretrain
from trainer.settings import PretrainSettings
from trainer.stages.shards import Shard, write_shard
from trainer.vocabulary.tokens import TokenLines, encode_shards

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("deepspeed") is None, reason="needs deepspeed, of the extra 'trainer'"),
]
STEPS, CUT = 40, 17
SCRIPT = Path(__file__).with_name("pretraining_process.py")


@pytest.fixture(scope="module")
def data(tokenizer, lines, tmp_path_factory):
    """A folder with tokenised lines and the tokenizer."""
    folder = tmp_path_factory.mktemp("data")
    write_shard(folder / "a.jsonl.zst", lines[:600])
    encode_shards(
        [Shard("a", "", 1.0, folder / "a.jsonl.zst", 600, sum(map(len, lines[:600])))], tokenizer, folder
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def settings(small_size):
    return {
        "size": small_size, "steps": STEPS, "batch_tokens": 1_024, "max_length": 64, "learning_rate": 5e-3,
        "checkpoint_minutes": 0.0, "accumulation": 2,
    }  # fmt: skip


def curve(folder) -> list[tuple[int, float]]:
    with (folder / "loss.csv").open(newline="") as stream:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def expected(data, tokenizer, settings, tmp_path_factory):
    """The loss curve of one process with plain torch."""
    folder = tmp_path_factory.mktemp("plain")
    pretrain(TokenLines.open(data), tokenizer, PretrainSettings(**settings), folder)
    return curve(folder)


@pytest.fixture
def train(data, settings, tmp_path):
    """``train(deepspeed, processes=1, kill=None)`` trains in ``tmp_path / "run"``."""
    from tests.trainer.conftest import SMALL

    def run(deepspeed, *, processes=1, kill=None):
        arguments = {
            "size": SMALL, "tokenizer": str(data / "tokenizer.json"), "tokens": str(data), "kill": kill,
            "folder": str(tmp_path / "run"), "settings": settings | {"deepspeed": deepspeed},
        }  # fmt: skip
        path = tmp_path / "arguments.json"
        path.write_text(json.dumps(arguments))
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        done = subprocess.run(
            [sys.executable, *(launcher if processes > 1 else []), str(SCRIPT), str(path)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        if kill is None:
            assert done.returncode == 0, done.stderr[-3_000:]
        else:
            assert done.returncode != 0
        return tmp_path / "run"

    return run


def assert_same(folder, expected):
    found = curve(folder)
    assert [step for step, _ in found] == [step for step, _ in expected] == [20, 40]
    for (_, ours), (_, theirs) in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3)


def test_two_processes_with_zero_2_give_the_loss_curve_of_one(train, expected):
    assert_same(train({"zero_optimization": {"stage": 2}}, processes=2), expected)


def test_a_run_moves_between_zero_stages_and_numbers_of_processes(train, expected, data, tokenizer, settings):
    """ZeRO 2 over two processes, killed; ZeRO 3 in one, killed; plain torch to the end."""
    train({"zero_optimization": {"stage": 2}}, processes=2, kill=CUT)
    offload = {"stage": 3, "offload_optimizer": {"device": "cpu"}, "stage3_param_persistence_threshold": 0}
    folder = train({"zero_optimization": offload}, kill=CUT + 10)
    assert sorted(path.stem for path in folder.glob("checkpoint-*.json"))[-1] == f"checkpoint-{CUT + 10:08d}"
    pretrain(TokenLines.open(data), tokenizer, PretrainSettings(**settings), folder)
    assert_same(folder, expected)


def test_a_plain_checkpoint_goes_on_in_two_processes_with_zero_3(train, expected):
    train(None, kill=CUT)
    assert_same(train({"zero_optimization": {"stage": 3}}, processes=2), expected)


@pytest.mark.parametrize("stage", [0, 1])
def test_the_other_stages_give_the_same_curve(train, expected, stage):
    assert_same(train({"zero_optimization": {"stage": stage}}), expected)


@pytest.mark.parametrize("name", ["optimizer", "gradient_clipping", "train_micro_batch_size_per_gpu"])
def test_what_the_other_settings_say_may_not_be_said_again(name):
    from trainer.pretraining.zero import configuration

    with pytest.raises(ValueError, match=rf"pretrain\.deepspeed\.{name}"):
        configuration(PretrainSettings(deepspeed={name: 7}))
