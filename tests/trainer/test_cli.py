from __future__ import annotations

import json
import subprocess
import sys

import pytest

from connectors.config import SettingsError, known_names
from trainer.cli import load_settings
from trainer.errors import exit_code_and_line
from trainer.settings import RunSettings

COMMANDS = ["run", "dedup", "tokenizer", "pretrain", "evaluate", "export"]
CONFIG = """
work = "runs/mine"
[[corpus]]
paths = ["logs/*.log", "more"]
domain = "web"
weight = 2.0
[[corpus]]
paths = ["windows"]
[pretrain]
steps = 7
[pretrain.deepspeed.zero_optimization]
stage = 2
[evaluate]
out_of_distribution = ["odts.jsonl"]
"""


@pytest.fixture
def config(tmp_path):
    """``config(text, ".toml")``: a settings file."""

    def write(text: str, suffix: str = ".toml"):
        path = tmp_path / f"retrain{suffix}"
        path.write_text(text)
        return path

    return write


def test_help_and_settings_need_nothing_of_the_extra():
    forbidden = (
        "torch transformers onnx onnxscript deepspeed rensa pyarrow zstandard pyspark tokenizers numpy"
    )
    program = f"""
import sys
for name in {forbidden.split()!r}:
    sys.modules[name] = None
sys.argv = ["secencoder-trainer", "run", "--print-config", "--corpus", "x"]
from trainer.cli import main
main()
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout)["corpus"][0]["paths"] == ["x"]


def test_without_the_extra_a_stage_says_what_to_install():
    program = """
import sys
sys.modules["zstandard"] = None
sys.modules.pop("trainer.stages.shards", None)
sys.argv = ["secencoder-trainer", "dedup", "--corpus", "x"]
from trainer.cli import main
main()
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "zstandard is not installed; pip install 'secencoder-streams[trainer]'" in answer.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_stage_is_a_command_with_the_same_settings(trainer_command, command):
    answer = trainer_command(command, "--print-config", "--corpus", "logs", "--set", "pretrain.steps=9")
    assert answer.code == 0
    settings = RunSettings.model_validate_json(answer.out)
    assert settings.pretrain.steps == 9
    assert [group.paths for group in settings.corpus] == [["logs"]]


def test_toml_and_yaml_say_the_same(config):
    toml = load_settings(config(CONFIG))
    yaml = """
work: runs/mine
corpus:
  - {paths: ["logs/*.log", more], domain: web, weight: 2.0}
  - {paths: [windows]}
pretrain: {steps: 7, deepspeed: {zero_optimization: {stage: 2}}}
evaluate: {out_of_distribution: [odts.jsonl]}
"""
    assert load_settings(config(yaml, ".yaml")) == toml
    assert load_settings(config(toml.model_dump_json(), ".json")) == toml
    assert toml.pretrain.deepspeed == {"zero_optimization": {"stage": 2}}
    assert [group.weight for group in toml.corpus] == [2.0, 1.0]


def test_options_win_over_the_file(config, tmp_path):
    assignments = ("pretrain.steps=8", "evaluate.out_of_distribution=a.jsonl, b.jsonl")
    settings = load_settings(config(CONFIG), ("one", "two"), tmp_path, assignments)
    assert (settings.work, settings.pretrain.steps) == (tmp_path, 8)
    assert [group.paths for group in settings.corpus] == [["one", "two"]]
    assert [str(path) for path in settings.evaluate.out_of_distribution] == ["a.jsonl", "b.jsonl"]


def test_the_engine_is_an_option_of_dedup(trainer_command):
    answer = trainer_command("dedup", "--engine", "spark", "--print-config")
    assert json.loads(answer.out)["dedup"]["engine"] == "spark"
    assert trainer_command("dedup", "--engine", "hadoop").code == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[pretrain]\nstep = 3", "unknown setting pretrain.step; did you mean pretrain.steps?"),
        ("[pretrian]\nsteps = 3", "unknown setting pretrian; did you mean pretrain?"),
        (
            "[[corpus]]\npath = ['x']\npaths = ['x']",
            "unknown setting corpus.0.path; did you mean corpus.paths?",
        ),
        ("wrk = 'x'", "unknown setting wrk; did you mean work?"),
        ("[[corpus]]\npaths = []", "corpus.0.paths"),
        ("[[corpus]]\npaths = ['x']\nweight = 0", "corpus.0.weight"),
        ("[pretrain]\nsteps = 'many'", "pretrain.steps"),
        ("[pretrain]\nmax_length = 5000", "pretrain.batch_tokens: 4096 is less than"),
        ("corpus = 'logs'", "corpus"),
        ("[corpus]\npaths = ['x']", "corpus"),
        ("pretrain = 3", "pretrain"),
        ("[pretrain", "retrain.toml"),
    ],
)
def test_a_wrong_setting_in_the_file_is_one_line_that_names_it(trainer_command, config, text, expected):
    answer = trainer_command("run", "--config", config(text))
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert expected in answer.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "pretrain.stps=3"], "unknown setting pretrain.stps; did you mean pretrain.steps?"),
        (["--set", "pretrain.steps"], "expected NAME=VALUE"),
        (["--set", "pretrain.steps=0"], "pretrain.steps"),
        (["--set", "corpus.paths=x"], "unknown setting corpus.paths"),
        (["--set", "work=x"], "unknown setting work"),
        (["--config", "none.toml"], "none.toml"),
        (["--nonsense"], "--nonsense"),
        ([], "corpus: nothing to read"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_it(trainer_command, tmp_path, arguments, expected):
    answer = trainer_command("run", "--work", tmp_path, *arguments)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert expected in answer.err


@pytest.mark.parametrize("command", ["tokenizer", "pretrain", "evaluate", "export"])
def test_a_stage_without_the_one_before_names_the_command_to_run_first(trainer_command, tmp_path, command):
    answer = trainer_command(command, "--work", tmp_path / "work")
    assert answer.code == 2
    assert answer.err == f"secencoder-trainer: {tmp_path}/work/dedup: is not there; run dedup first\n"


def test_an_interrupt_says_that_the_next_run_goes_on(trainer_command, monkeypatch, tmp_path):
    def interrupted(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("trainer.run.dedup", interrupted)
    answer = trainer_command("dedup", "--corpus", "x", "--work", tmp_path)
    assert answer.code == 130
    assert answer.err.strip() == "secencoder-trainer: interrupted; the same command goes on from here"


def test_a_defect_keeps_its_traceback(trainer_command, monkeypatch):
    def defect(settings):
        raise ZeroDivisionError

    monkeypatch.setattr("trainer.run.dedup", defect)
    with pytest.raises(ZeroDivisionError):
        trainer_command("dedup", "--corpus", "x")


def caught(action) -> tuple[int, str | None]:
    try:
        action()
    except Exception as error:
        return exit_code_and_line(error)
    raise AssertionError("nothing was raised")


def test_errors_of_ours_are_for_the_user_and_those_of_libraries_are_not(tmp_path):
    from trainer.pretraining.model import make_config

    assert caught(lambda: load_settings(tmp_path / "none"))[0] == 2
    assert caught(lambda: make_config("gigantic", 1_000))[0] == 2
    assert caught((tmp_path / "none").read_text) == (2, f"{tmp_path}/none: No such file or directory")
    assert caught(lambda: json.loads("{")) == (1, None)
    assert caught(lambda: tmp_path.relative_to("elsewhere")) == (1, None)


def test_every_setting_has_a_name_and_a_description():
    names = known_names(RunSettings)
    assert {"work", "corpus.paths", "dedup.threshold", "pretrain.deepspeed"} <= set(names)
    schema = RunSettings.model_json_schema()
    for section in [schema, *schema["$defs"].values()]:
        for name, field in section["properties"].items():
            assert "description" in field or "$ref" in json.dumps(field), name


def test_a_settings_error_is_a_value_error():
    with pytest.raises(ValueError, match="expected NAME=VALUE"):
        load_settings(None, assignments=("x",))
    assert issubclass(SettingsError, ValueError)
