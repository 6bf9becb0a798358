from __future__ import annotations

import errno
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import trainer.stages.stage
from trainer.stages.manifest import StageError, read_manifest
from trainer.stages.stage import DiskFullError, join_stage, require, run_stage

SETTINGS = {"section": {"steps": 4, "corpus": [{"weight": 1.0}]}}


class Maker:
    """A stage that copies its inputs' text, and counts how often it was asked to."""

    def __init__(self, inputs: list[Path]) -> None:
        self.inputs, self.calls = inputs, 0

    def __call__(self, part: Path) -> dict:
        self.calls += 1
        (part / "inner").mkdir(exist_ok=True)
        (part / "inner" / "copy.txt").write_text("".join(path.read_text() for path in self.inputs))
        return {"lines": self.calls}


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "raw" / "a.log"
    path.parent.mkdir()
    path.write_text("one\ntwo\n")
    return path


@pytest.fixture
def maker(source) -> Maker:
    return Maker([source])


@pytest.fixture
def stage(tmp_path, source, maker):
    """``stage(**changes)`` runs the stage at ``tmp_path / "work" / "stage"``."""

    def run(**changes):
        options = {"settings": SETTINGS, "inputs": [source], "make": maker} | changes
        return run_stage(tmp_path / "work" / "stage", **options)

    return run


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "work" / "stage"


def steps(number: int) -> dict:
    return {"section": SETTINGS["section"] | {"steps": number}}


def touch(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


def names(folder: Path) -> set[str]:
    """What stands in a work folder, locks aside."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_a_stage_says_what_it_read_and_made(stage, folder, source):
    manifest, made = stage()
    assert made
    assert manifest == read_manifest(folder)
    assert (manifest.stage, manifest.settings, manifest.counts) == ("stage", SETTINGS, {"lines": 1})
    (read,) = manifest.inputs.items()
    assert read[0] == str(source)
    assert (read[1].bytes, read[1].mtime_ns) == (8, source.stat().st_mtime_ns)
    assert set(manifest.outputs) == {"inner/copy.txt"}
    copied = manifest.outputs["inner/copy.txt"]
    assert copied.sha256 == read[1].sha256
    assert manifest.seconds >= 0
    assert names(folder.parent) == {"stage"}
    assert names(folder) == {"inner", "manifest.json"}


def test_a_stage_is_skipped_until_something_it_depends_on_changes(stage, maker, source):
    stage()
    assert not stage()[1]
    assert stage(settings=steps(5))[1]
    assert stage(settings=steps(4))[1]
    source.write_text("one\nTWO\n")
    assert stage()[0].outputs["inner/copy.txt"].bytes == 8
    assert maker.calls == 4
    second = source.with_name("b.log")
    second.write_text("")
    assert stage(inputs=[source, second])[1]
    assert stage(inputs=[source, second], stale=True)[1]
    assert not stage(inputs=[source, second])[1]


def test_an_input_that_was_only_touched_changes_nothing(stage, source):
    stage()
    touch(source)
    assert not stage()[1]


def test_an_input_with_the_old_size_and_time_is_not_hashed_again(stage, monkeypatch):
    stage()
    monkeypatch.setattr("trainer.stages.manifest.sha256_of", lambda path: pytest.fail(f"{path} was hashed"))
    assert not stage()[1]


def test_a_work_folder_can_be_moved(tmp_path, source):
    def chain(work: Path) -> list[bool]:
        first = run_stage(work / "first", settings={}, inputs=[source], make=Maker([source]))
        copy = work / "first" / "inner" / "copy.txt"
        second = run_stage(
            work / "second", settings={}, inputs=[copy], make=Maker([copy]), after=[work / "first"]
        )
        return [first[1], second[1]]

    assert chain(tmp_path / "work") == [True, True]
    (tmp_path / "work").rename(tmp_path / "moved")
    assert chain(tmp_path / "moved") == [False, False]


@pytest.mark.parametrize("trace", ["content", "gone"])
def test_an_output_that_is_not_what_was_made_is_an_error_that_names_it(stage, folder, trace):
    stage()
    path = folder / "inner" / "copy.txt"
    if trace == "content":
        path.write_text("one\ntwO\n")
    else:
        path.unlink()
    with pytest.raises(StageError, match=re.escape(str(path))) as caught:
        stage()
    assert "\n" not in str(caught.value)
    if trace == "content":
        expected = read_manifest(folder).outputs["inner/copy.txt"].sha256
        assert expected in str(caught.value)
        assert path.read_text() == "one\ntwO\n"


def test_a_later_stage_refuses_an_input_whose_hash_changed_even_with_size_and_time_kept(
    stage, folder, tmp_path
):
    stage()
    shard = folder / "inner" / "copy.txt"
    before = shard.stat()
    shard.write_text("one\ntwO\n")
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))
    later = Maker([shard])
    with pytest.raises(StageError, match=re.escape(str(shard))) as caught:
        run_stage(tmp_path / "work" / "later", settings={}, inputs=[shard], make=later, after=[folder])
    assert read_manifest(folder).outputs["inner/copy.txt"].sha256 in str(caught.value)
    assert later.calls == 0


def test_a_stage_that_was_never_run_is_named_with_the_command_that_runs_it(folder):
    with pytest.raises(StageError, match="run stage first"):
        require(folder)
    with pytest.raises(StageError, match="run pretrain first"):
        require(folder, "pretrain")


def fail(part: Path) -> dict:
    (part / "half.txt").write_text("half")
    raise RuntimeError("stopped")


def test_an_interrupted_stage_goes_on_in_what_it_left_and_its_seconds_add_up(stage, folder):
    part = folder.with_name("stage.part")
    with pytest.raises(RuntimeError, match="stopped"):
        stage(make=fail)
    started = json.loads((part / "started.json").read_text())
    (part / "started.json").write_text(json.dumps(started | {"seconds": 100.0}))
    seen = []

    def go_on(inner: Path) -> dict:
        seen.append((inner / "half.txt").read_text())
        return {}

    manifest, _ = stage(make=go_on)
    assert seen == ["half"]
    assert 100 <= manifest.seconds < 200
    assert set(manifest.outputs) == {"half.txt"}
    assert names(folder.parent) == {"stage"}


@pytest.mark.parametrize("change", ["settings", "inputs"])
def test_an_interrupted_stage_whose_recipe_changed_starts_anew(stage, folder, source, maker, change):
    with pytest.raises(RuntimeError):
        stage(make=fail)
    if change == "inputs":
        source.write_text("other")
    manifest, _ = stage(settings=steps(5) if change == "settings" else SETTINGS)
    assert set(manifest.outputs) == {"inner/copy.txt"}


@pytest.mark.parametrize("change", ["settings", "inputs"])
def test_hours_of_work_are_not_thrown_away_for_another_recipe(stage, folder, source, maker, change):
    part = folder.with_name("stage.part")
    with pytest.raises(RuntimeError):
        stage(make=fail, keep=True)
    if change == "inputs":
        source.write_text("other")
    with pytest.raises(StageError) as caught:
        stage(settings=steps(5) if change == "settings" else SETTINGS, keep=True)
    expected = "section.steps was 4, is 5" if change == "settings" else f"{source} changed"
    assert expected in str(caught.value)
    assert str(part) in str(caught.value)
    assert (part / "half.txt").read_text() == "half"
    source.write_text("one\ntwo\n")
    stage(keep=True)
    assert (folder / "half.txt").exists()


def test_a_failure_leaves_the_old_folder_as_it_was(stage, folder, source):
    stage()
    before = (folder / "manifest.json").read_bytes()
    source.write_text("new")
    with pytest.raises(RuntimeError):
        stage(make=fail)
    assert (folder / "manifest.json").read_bytes() == before
    assert (folder / "inner" / "copy.txt").read_text() == "one\ntwo\n"


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_stage_killed_between_the_steps_of_the_swap_is_whole_at_the_next_run(
    stage, folder, source, maker, monkeypatch, step
):
    stage()
    source.write_text("new")
    done = []

    def stop_before(action):
        def acted(*arguments, **options):
            if len(done) == step - 1:
                raise KeyboardInterrupt
            done.append(action)
            return action(*arguments, **options)

        return acted

    with monkeypatch.context() as patch:
        patch.setattr(trainer.stages.stage, "restore", lambda folder: None)
        patch.setattr(Path, "rename", stop_before(Path.rename))
        patch.setattr(shutil, "rmtree", stop_before(shutil.rmtree))
        with pytest.raises(KeyboardInterrupt):
            stage()
    assert maker.calls == 2
    standing = [
        path for path in (folder, trainer.stages.stage.aside(folder)) if (path / "manifest.json").exists()
    ]
    assert standing, "at no moment there is neither the old nor the new one"
    require(folder)
    assert (folder / "inner" / "copy.txt").read_text() == "new"
    assert names(folder.parent) == {"stage"}
    assert not stage()[1]


def test_an_old_folder_whose_successor_was_lost_comes_back(stage, folder):
    stage()
    folder.rename(trainer.stages.stage.aside(folder))
    assert not stage()[1]


FULL = os.strerror(errno.ENOSPC)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, FULL),
        OSError(errno.EDQUOT, "quota"),
        Exception(f"I/O error: {FULL} (os error 28)"),
    ],
    ids=["errno", "quota", "rust"],
)
def test_a_full_disk_is_one_line_that_names_the_place_and_the_next_run_goes_on(stage, folder, maker, error):
    stage()

    def full(part: Path) -> dict:
        (part / "half.txt").write_text("half")
        raise error

    with pytest.raises(DiskFullError, match="no space left") as caught:
        stage(settings=steps(5), make=full)
    assert str(folder.with_name("stage.part")) in str(caught.value)
    assert read_manifest(folder).settings == SETTINGS
    assert (folder.with_name("stage.part") / "half.txt").exists()
    assert stage(settings=steps(5))[1]


@pytest.mark.parametrize("name", ["manifest.json", "started.json"])
def test_a_damaged_record_is_an_error_that_names_it(stage, folder, name):
    stage()
    path = folder / name
    if name == "started.json":
        with pytest.raises(RuntimeError):
            stage(settings=steps(5), make=fail)
        path = folder.with_name("stage.part") / name
    path.write_text("{}")
    with pytest.raises(StageError, match=re.escape(str(path))):
        stage()


SLOW = """
import sys, time
from pathlib import Path
from trainer.stages.stage import run_stage

def make(part):
    with open(sys.argv[2], "a") as log:
        log.write("made\\n")
    while not Path(sys.argv[3]).exists():
        time.sleep(0.02)
    (part / "out.txt").write_text("x")
    return {}

print(run_stage(Path(sys.argv[1]), settings={}, inputs=[], make=make)[1])
"""


def slow_stage(folder: Path, log: Path, end: Path) -> subprocess.Popen:
    """A process that makes a stage, and is at it until there is a file ``end``."""
    command = [sys.executable, "-c", SLOW, str(folder), str(log), str(end)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_of_two_processes_one_makes_the_stage_and_the_other_finds_it_made(folder, tmp_path):
    log, end = tmp_path / "log", tmp_path / "end"
    first = slow_stage(folder, log, end)
    wait_for(log)
    second = slow_stage(folder, log, log)
    assert second.stderr.readline() == f"{folder}: waiting for another process that works on it\n"
    end.touch()
    assert second.communicate(timeout=60) == ("False\n", "")
    assert first.communicate(timeout=60)[0] == "True\n"
    assert log.read_text() == "made\n"


def test_a_killed_process_frees_its_stage(folder, tmp_path):
    log = tmp_path / "log"
    first = slow_stage(folder, log, tmp_path / "never")
    wait_for(log)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    assert slow_stage(folder, log, log).communicate(timeout=60)[0] == "True\n"
    assert (folder / "out.txt").exists()


def joined(folder: Path, answers) -> None:
    def make(part: Path) -> dict:
        answers.put(part.name)
        return {}

    join_stage(folder, settings={}, inputs=[], make=make)
    answers.put("done")


def test_the_other_processes_of_a_distributed_stage_work_in_the_folder_of_the_first(folder):
    answers = multiprocessing.get_context("spawn").Queue()
    other = multiprocessing.get_context("spawn").Process(target=joined, args=(folder, answers))
    other.start()

    def make(part: Path) -> dict:
        assert answers.get(timeout=60) == "stage.part"
        return {}

    assert run_stage(folder, settings={}, inputs=[], make=make)[1]
    assert answers.get(timeout=60) == "done"
    other.join()
    join_stage(folder, settings={}, inputs=[], make=lambda part: pytest.fail("it was up to date"))
