"""From raw logs to a bundle: interrupted anywhere, unchanged, changed, and with input that can't be used."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import trainer.run
from encoder_core import Bundle, Encoder
from tests.trainer.conftest import SMALL
from trainer.cli import load_settings
from trainer.stages.manifest import read_manifest

STAGES = ("dedup", "tokenizer", "tokens", "pretrain", "evaluate", "export")
CONFIG = """
[[corpus]]
paths = ["{logs}/a.log", "{logs}/b.log"]
domain = "mixed"
[dedup]
heldout = 0.1
[tokenizer]
vocabulary = 600
[pretrain]
size = "small-for-tests"
steps = 40
batch_tokens = 512
max_length = 48
learning_rate = 1e-2
[export]
name = "ours"
version = "3"
keep_fp32 = true
"""
PROGRAM = """
import sys, time

def stop_here():
    print("here", flush=True)
    time.sleep(1_000)

{hook}
from trainer.cli import main
main()
"""
IN_THE_TOKENIZER = """
import trainer.vocabulary.tokenizer
trainer.vocabulary.tokenizer.train_tokenizer = lambda *arguments: stop_here()
"""
SMALL_SIZE = f"""
from trainer.pretraining.model import SIZES
SIZES["small-for-tests"] = {SMALL!r}
"""
IN_PRETRAINING = f"""
{SMALL_SIZE}
from trainer.pretraining import pretrain
from trainer.stages import checkpoint
rate, save = pretrain.learning_rate_at, checkpoint.save_checkpoint
checkpoint.save_checkpoint = lambda *what: save(*what) if what[-1].step <= 15 else None
pretrain.learning_rate_at = lambda step, settings: rate(step, settings) if step < 30 else stop_here()
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory, lines) -> Path:
    """Two files of raw logs."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "a.log").write_text("\n".join(lines[:600]) + "\n")
    (folder / "b.log").write_text("\n".join(lines[600:1_000]) + "\n")
    return folder


@pytest.fixture(scope="module")
def config(logs) -> Path:
    path = logs / "retrain.toml"
    path.write_text(CONFIG.format(logs=logs))
    return path


@pytest.fixture(scope="module")
def done(config, small_size, tmp_path_factory) -> Path:
    """The work folder of a run that nothing interrupted. Read-only."""
    work = tmp_path_factory.mktemp("done") / "work"
    trainer.run.run(load_settings(config, work=work))
    return work


@pytest.fixture
def work(done, tmp_path) -> Path:
    """A copy of that work folder."""
    shutil.copytree(done, tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def quick_export(done, monkeypatch):
    """The fp32 graph is the slow part of an export: it is copied from the finished run, whose model is the same."""
    graph = done / "bundle" / "onnx" / "model.onnx"
    monkeypatch.setattr(
        "trainer.export.bundle.export_onnx", lambda encoder, path, pooling: shutil.copy(graph, path)
    )


@pytest.fixture
def command(trainer_command, config, small_size):
    """``command("run", work, "pretrain.steps=9")`` is the console script with the configuration above."""

    def run(name: str, work: Path, *assignments: str, corpus: Path | None = None):
        options = [part for assignment in assignments for part in ("--set", assignment)]
        options += ["--corpus", corpus] if corpus else []
        return trainer_command(name, "--config", config, "--work", work, *options)

    return run


def separate(config: Path, work: Path, hook: str, *assignments: str) -> subprocess.Popen:
    """The ``run`` command in a process of its own, of one thread, with ``hook`` put in."""
    options = [part for assignment in assignments for part in ("--set", assignment)]
    settings = ["--config", str(config), "--work", str(work), *options]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(hook=hook), "run", *settings],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def kill_there(process: subprocess.Popen) -> None:
    for line in process.stdout:
        if line == "here\n":
            break
    else:
        pytest.fail(process.stderr.read())
    process.send_signal(signal.SIGKILL)
    process.communicate()


def curve(work: Path) -> list[tuple[str, ...]]:
    with (work / "pretrain" / "loss.csv").open(newline="") as stream:
        return [tuple(v for k, v in row.items() if k != "seconds") for row in csv.DictReader(stream)]


def hashes(work: Path, stage: str) -> dict[str, str]:
    return {name: record.sha256 for name, record in read_manifest(work / stage).outputs.items()}


def times(work: Path) -> dict[str, int]:
    """When each finished stage was made: a stage that was skipped has its old manifest."""
    return {stage: (work / stage / "manifest.json").stat().st_mtime_ns for stage in STAGES}


def one_line(answer, code: int) -> str:
    assert answer.code == code, answer
    (line,) = filter(str.strip, answer.err.splitlines())
    return line


def test_one_command_leads_from_raw_logs_to_a_verified_bundle(done, lines):
    bundle = Bundle.load(done / "bundle")
    assert (bundle.name, bundle.version) == ("ours", "3")
    assert Encoder(bundle).embed(lines[:3]).shape == (3, SMALL["hidden_size"])
    assert {stage: read_manifest(done / stage).stage for stage in STAGES} == {
        stage: stage for stage in STAGES
    }
    training = bundle.manifest["training"]
    assert (training["size"], training["steps"]) == ("small-for-tests", 40)
    assert training["lines"] == read_manifest(done / "tokens").counts["lines"] > 300
    assert {row["set"] for row in bundle.manifest["metrics"]} == {"heldout"}
    assert str(done) not in (done / "bundle" / "manifest.json").read_text()
    card = (done / "bundle" / "README.md").read_text()
    assert "40 steps of at most 512 tokens" in card
    assert "{" not in card


def test_no_held_out_line_is_trained_on(done):
    from trainer.stages.shards import HELDOUT, list_shards, read_shard

    heldout = set(read_shard(done / "dedup" / HELDOUT))
    assert heldout
    assert heldout.isdisjoint(line for shard in list_shards(done / "dedup") for line in shard)


def test_the_evaluation_is_a_row_of_the_table_of_all_models(done):
    with (done / "evaluation.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    model = read_manifest(done / "pretrain")
    assert {(row["model"], row["version"], row["set"], row["distribution"]) for row in rows} == {
        ("ours", "3", "heldout", "in")
    }
    assert {row["sha256"] for row in rows} == {model.outputs["model.safetensors"].sha256}
    assert 1 < float(rows[0]["perplexity"]) < 600
    assert "| ours 3 |" in (done / "evaluation.md").read_text()


@pytest.mark.slow
def test_a_run_killed_twice_ends_where_an_uninterrupted_one_does(done, config, tmp_path):
    work = tmp_path / "work"
    kill_there(separate(config, work, IN_THE_TOKENIZER))
    assert (work / "dedup").is_dir()
    assert not (work / "tokenizer").exists()
    kill_there(separate(config, work, IN_PRETRAINING, "pretrain.checkpoint_minutes=0"))
    assert not (work / "pretrain").exists()
    unfinished = (work / "pretrain.part" / "loss.csv").read_text()
    assert "\n20," in unfinished, "the loss curve went past the last checkpoint, of step 15"
    last = separate(config, work, SMALL_SIZE)
    out, err = last.communicate()
    assert last.returncode == 0, err
    assert "dedup: up to date" in out
    assert "tokenizer: up to date" in out
    assert curve(work) == curve(done)
    for stage in ("dedup", "tokenizer", "tokens"):
        assert hashes(work, stage) == hashes(done, stage), stage
    assert hashes(work, "pretrain")["model.safetensors"] == hashes(done, "pretrain")["model.safetensors"]
    assert Bundle.load(work / "bundle").version == "3"


def test_a_second_run_skips_every_stage_and_says_so(command, work):
    before, rows = times(work), (work / "evaluation.csv").read_text()
    answer = command("run", work)
    assert answer.code == 0
    for stage in STAGES:
        seconds = read_manifest(work / stage).seconds
        assert f"{stage}: up to date (made in {seconds:.1f} s)\n" in answer.out
    assert times(work) == before
    assert (work / "evaluation.csv").read_text() == rows


def test_each_stage_is_a_command_of_its_own(command, work, monkeypatch):
    monkeypatch.setattr(trainer.run, "run_stage", lambda folder, **options: (read_manifest(folder), False))
    for stage in ("dedup", "tokenizer", "pretrain"):
        assert f"{stage}: up to date" in command(stage, work).out
    assert "evaluate: up to date" in command("evaluate", work).out
    assert "export: up to date" in command("export", work).out


def test_a_changed_setting_makes_its_stage_again_and_no_earlier_one(command, work):
    before = times(work)
    answer = command("evaluate", work, "evaluate.max_length=32")
    assert answer.code == 0
    assert "evaluate: up to date" not in answer.out
    changed = {stage for stage, time in times(work).items() if time != before[stage]}
    assert changed == {"evaluate"}


def test_settings_that_only_say_how_to_compute_do_not_train_again(command, work):
    how = ("pretrain.checkpoint_minutes=9", "pretrain.rollbacks=0", "dedup.engine=spark", "export.version=3")
    answer = command("run", work, *how)
    assert answer.out.count("up to date") == len(STAGES)


def test_the_number_of_processes_and_deepspeed_do_not_train_again(config, work):
    settings = load_settings(config, work=work)
    other = {"processes": 4, "deepspeed": {"zero_optimization": {"stage": 3}}}
    before = times(work)
    trainer.run.pretrain(settings.model_copy(update={"pretrain": settings.pretrain.model_copy(update=other)}))
    assert times(work) == before


def test_a_changed_input_makes_what_depends_on_it_again(logs, lines, tmp_path):
    """The stages behind the tokens are left out: their inputs are the tokens."""
    shutil.copytree(logs, tmp_path / "logs")
    moved = tmp_path / "retrain.toml"
    moved.write_text(CONFIG.format(logs=tmp_path / "logs"))
    settings = load_settings(moved, work=tmp_path / "work")
    stages = [trainer.run.dedup, trainer.run.tokenizer, trainer.run.tokens]
    for stage in stages:
        stage(settings)
    before = hashes(tmp_path / "work", "tokens")
    with (tmp_path / "logs" / "b.log").open("a") as log:
        log.write("\n".join(lines[1_000:1_050]) + "\n")
    for stage in stages:
        stage(settings)
    assert hashes(tmp_path / "work", "tokens") != before
    assert read_manifest(tmp_path / "work" / "dedup").counts["files"] == 2


def test_a_bundle_that_was_altered_or_removed_is_written_again(command, work, quick_export):
    (work / "bundle" / "README.md").write_text("altered")
    before = times(work)
    assert command("export", work).code == 0
    assert Bundle.load(work / "bundle").version == "3"
    assert {stage for stage, time in times(work).items() if time != before[stage]} == {"export"}


def test_a_training_that_starts_from_a_bundle_keeps_its_vocabulary(command, done, work, logs):
    shutil.rmtree(work / "tokenizer")
    other = ("pretrain.steps=1", f"pretrain.start_from={done}/bundle")
    assert command("dedup", work, *other, corpus=logs / "b.log").code == 0
    answer = command("tokenizer", work, *other)
    assert answer.code == 0
    assert hashes(work, "tokenizer") == hashes(done, "tokenizer")
    assert command("pretrain", work, *other).code == 0
    assert hashes(work, "pretrain") != hashes(done, "pretrain")
    assert "altered" in one_line(command("tokenizer", work, f"pretrain.start_from={altered(work)}"), 2)


def altered(work: Path) -> Path:
    shutil.copytree(work / "bundle", work / "altered")
    tokenizer = work / "altered" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    return work / "altered"


def test_the_delimiters_can_be_listed(trainer_command, work):
    answer = trainer_command("tokenizer", "--list-delimiters", "--work", work)
    rows = dict(line.split("\t") for line in answer.out.splitlines())
    assert rows["0"] == "'[PAD]'"
    assert "' '" in rows.values() or "':'" in rows.values()
    assert not [text for text in rows.values() if "a" <= text[1:2] <= "z"]


def test_more_processes_are_started_by_torchs_launcher(command, work, monkeypatch):
    started = []

    class Launcher:
        def __init__(self, arguments, env) -> None:
            started.append((arguments, env))

        def wait(self) -> int:
            return 1

    monkeypatch.setattr(subprocess, "Popen", Launcher)
    line = one_line(command("run", work, "pretrain.processes=2"), 1)
    assert "pretrain: one of 2 processes failed" in line
    ((arguments, env),) = started
    assert arguments[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    assert arguments[5:9] == ["-m", "trainer", "pretrain", "--config"]
    assert env["OMP_NUM_THREADS"]
    saved = load_settings(Path(arguments[9]))
    assert (saved.work, saved.pretrain.processes, saved.pretrain.steps) == (work, 2, 40)


def test_only_the_first_process_reports(command, work, monkeypatch):
    monkeypatch.setattr("trainer.stages.work.rank", lambda: 1)
    monkeypatch.setattr("trainer.run.rank", lambda: 1)
    answer = command("pretrain", work)
    assert (answer.code, answer.out) == (0, "")


def test_training_killed_after_its_last_step_is_not_done_again(done, config, work, small_size, monkeypatch):
    (work / "pretrain").rename(work / "pretrain.part")
    (work / "pretrain.part" / "manifest.json").unlink()
    monkeypatch.setattr(
        "trainer.pretraining.pretrain.pretrain", lambda *arguments: pytest.fail("it was trained again")
    )
    part = work / "pretrain.part"
    counts = trainer.run.train(
        trainer.run.Work.of(load_settings(config, work=work)), SimpleNamespace(steps=40), part
    )
    assert counts == read_manifest(done / "pretrain").counts


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file of what is finished, to see that nothing of it is touched."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and ".part" not in str(path) and path.suffix != ".lock"
    }


def test_an_empty_corpus_is_refused(command, work, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "empty.log").write_text("\n\n")
    before = snapshot(work)
    assert str(tmp_path / "none") in one_line(command("run", work, corpus=tmp_path / "none"), 2)
    assert snapshot(work) == before
    assert "nowhere" in one_line(command("run", work, corpus=tmp_path / "nowhere"), 2)
    assert snapshot(work) == before


def test_a_corpus_smaller_than_the_vocabulary_needs_is_refused(command, work, tmp_path):
    before = {name: entry for name, entry in snapshot(work).items() if not name.startswith("dedup")}
    (tmp_path / "few.log").write_text("one line\nand another\n")
    line = one_line(command("run", work, corpus=tmp_path / "few.log"), 2)
    assert "tokenizer.vocabulary" in line
    assert "600" in line
    after = {name: entry for name, entry in snapshot(work).items() if not name.startswith("dedup")}
    assert after == before


@pytest.mark.parametrize("command_name", ["run", "tokenizer", "pretrain"])
def test_a_shard_whose_hash_changed_is_refused(command, work, command_name):
    shard = next((work / "dedup").glob("*a*.jsonl.zst"))
    expected = hashes(work, "dedup")[shard.name]
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    before = snapshot(work)
    line = one_line(command(command_name, work, "tokenizer.seed=2"), 2)
    assert str(shard) in line
    assert expected in line
    assert snapshot(work) == before


def test_a_full_disk_is_one_line_and_loses_nothing(command, work, tmp_path):
    """On a real small disk, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        for stage in ("dedup", "tokenizer", "tokens"):
            shutil.copytree(work / stage, disk / "work" / stage)
        before = snapshot(disk / "work")
        line = one_line(command("pretrain", disk / "work", "pretrain.size=tiny"), 1)
        assert "no space left" in line
        assert str(disk / "work" / "pretrain") in line
        assert snapshot(disk / "work") == before
        assert command("tokenizer", disk / "work").code == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def interrupted(command, work, monkeypatch) -> Path:
    """A work folder with a finished model of 40 steps and an interrupted training to 80."""
    import trainer.pretraining.pretrain

    def rate(step, settings):
        if step == 7:
            raise KeyboardInterrupt
        return 1e-3

    with monkeypatch.context() as patch:
        patch.setattr(trainer.pretraining.pretrain, "learning_rate_at", rate)
        assert command("pretrain", work, "pretrain.steps=80", "pretrain.checkpoint_minutes=0").code == 130
    return work


def test_a_corrupt_checkpoint_is_refused(command, interrupted):
    checkpoint = max((interrupted / "pretrain.part").glob("checkpoint-*.safetensors"))
    content = bytearray(checkpoint.read_bytes())
    content[-9] ^= 1
    checkpoint.write_bytes(content)
    before = snapshot(interrupted)
    assert checkpoint.name in one_line(command("run", interrupted, "pretrain.steps=80"), 1)
    assert checkpoint.read_bytes() == content
    assert snapshot(interrupted) == before


def test_an_unfinished_training_is_not_thrown_away_for_other_settings(command, interrupted):
    line = one_line(command("run", interrupted, "pretrain.steps=70"), 2)
    assert "pretrain.steps was 80, is 70" in line
    assert str(interrupted / "pretrain.part") in line
    assert max((interrupted / "pretrain.part").glob("checkpoint-*.json")).stem.endswith("07")


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_old_model(command, work):
    before = snapshot(work)
    line = one_line(command("run", work, "pretrain.learning_rate=1e30", "pretrain.rollbacks=1"), 1)
    assert "nan" in line
    assert "pretrain.learning_rate" in line
    assert snapshot(work) == before
    assert Bundle.load(work / "bundle").version == "3"


def test_what_the_last_stages_need_is_looked_at_before_the_first(command, work, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "letter.txt").write_text("dear")
    for assignment in (
        f"evaluate.out_of_distribution={tmp_path}/none.jsonl",
        f"export.bundle={tmp_path}/notes",
    ):
        line = one_line(command("run", tmp_path / "fresh", assignment), 2)
        assert assignment.partition("=")[2] in line
        assert not (tmp_path / "fresh" / "dedup").exists()


def test_other_test_sets_and_another_place_for_the_bundle(command, work, tmp_path, lines, quick_export):
    odts = tmp_path / "odts.jsonl"
    odts.write_text("".join(json.dumps({"line": f"zebra {line[::-1]}"}) + "\n" for line in lines[:20]))
    answer = command(
        "evaluate", work, f"evaluate.out_of_distribution={odts}", f"evaluate.results={tmp_path}/all.csv"
    )
    assert answer.code == 0, answer
    with (tmp_path / "all.csv").open(newline="") as stream:
        places = {row["set"]: row["distribution"] for row in csv.DictReader(stream)}
    assert places == {"heldout": "in", "odts": "out"}
    assert " - | - |" not in (tmp_path / "all.md").read_text().split("Lines whose form")[0]
    answer = command("export", work, f"export.bundle={tmp_path}/elsewhere", "export.version=4")
    assert answer.code == 0, answer
    assert Bundle.load(tmp_path / "elsewhere").version == "4"
    assert Bundle.load(work / "bundle").version == "3"
