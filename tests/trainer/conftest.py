"""A small tokenizer, model, training run and bundle that the trainer's tests share, all made from invented logs.

Nothing of the ``trainer`` extra is imported before a test asks for it; without the extra the folder is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from stream_processors.demo.scenario import SYSTEMS, scenario

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import DebertaV2ForMaskedLM

    from trainer.settings import PretrainSettings
    from trainer.vocabulary.tokens import TokenLines

NEEDED = (
    "torch",
    "transformers",
    "onnx",
    "zstandard",
    "rensa",
    "scipy",
    "pyarrow",
    "deepspeed",
)
MISSING = [name for name in NEEDED if find_spec(name) is None]
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "position_buckets": 8,
}


class SkippedModule(pytest.Module):
    """A test module of this folder in an environment without the extra: never imported, skipped by name."""

    def collect(self):
        pytest.skip(f"needs the extra 'trainer' (pip install 'secencoder-streams[trainer]'): no {MISSING[0]}")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    return SkippedModule.from_parent(parent, path=module_path) if MISSING else None


class Run(NamedTuple):
    """A finished pretraining."""

    model: DebertaV2ForMaskedLM
    folder: Path
    settings: PretrainSettings


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """Lines of every system of the scenario, in the order of their times."""
    return [labelled.line for labelled in scenario(lines=2_500)]


@pytest.fixture(scope="session")
def lines_of() -> dict[str, list[str]]:
    """Forty lines of each system, none of which the other fixtures train on."""
    found: dict[str, list[str]] = {system: [] for system in SYSTEMS}
    for labelled in scenario(lines=200_000, seed=99):
        if len(found[labelled.system]) < 40:
            found[labelled.system].append(labelled.line)
        elif all(len(some) == 40 for some in found.values()):
            return found
    raise AssertionError("the scenario has too few lines of a system")


@pytest.fixture(scope="session")
def tokenizer(lines) -> Tokenizer:
    """A thousand entries learnt from ``lines``. Read-only."""
    from trainer.vocabulary.tokenizer import train_tokenizer

    return train_tokenizer(lines, 1_000)


@pytest.fixture(scope="session")
def token_bytes(tokenizer) -> dict[int, bytes]:
    """The bytes that each entry of the vocabulary but the special ones stands for, by the byte-level alphabet."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    alphabet = {chr(byte): byte for byte in printable} | {
        chr(0x100 + n): byte for n, byte in enumerate(others)
    }
    return {
        index: bytes(alphabet[character] for character in token)
        for token, index in tokenizer.get_vocab().items()
        if index > 4
    }


@pytest.fixture(scope="session")
def small_size() -> Iterator[str]:
    """Name of a model size for tests: 2 layers, 32 wide. Run by one thread, as it is too small to share."""
    import torch

    from trainer.pretraining.model import SIZES

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "small-for-tests", SMALL)
        yield "small-for-tests"
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def new_model(tokenizer, small_size) -> Callable[[int], DebertaV2ForMaskedLM]:
    """``new_model(seed)`` is an untrained model of the small size."""
    import torch

    from trainer.pretraining.model import make_config, make_model

    def make(seed: int) -> DebertaV2ForMaskedLM:
        torch.manual_seed(seed)
        return make_model(make_config(small_size, tokenizer.get_vocab_size())).eval()

    return make


@pytest.fixture(scope="session")
def tokens(tokenizer, lines) -> TokenLines:
    from trainer.vocabulary.tokens import encode_lines

    return encode_lines(tokenizer, lines)


@pytest.fixture(scope="session")
def run(tokens, tokenizer, small_size, tmp_path_factory) -> Run:
    """Sixty steps of pretraining on ``lines``. Read-only."""
    from trainer.pretraining.pretrain import pretrain
    from trainer.settings import PretrainSettings

    folder = tmp_path_factory.mktemp("run")
    settings = PretrainSettings(
        size=small_size, steps=60, batch_tokens=1_024, max_length=64, learning_rate=1e-2, mask_probability=0.2
    )
    return Run(pretrain(tokens, tokenizer, settings, folder), folder, settings)


@pytest.fixture(scope="session")
def exported(run, tokenizer, lines_of, tmp_path_factory) -> Path:
    """A bundle of the model of ``run``, fp32 graph included. Read-only."""
    from trainer.export.bundle import export_bundle
    from trainer.export.centring import sample_templates

    folder = tmp_path_factory.mktemp("export") / "bundle"
    export_bundle(
        run.model,
        tokenizer,
        folder,
        lines=[line for some in lines_of.values() for line in some[:10]],
        calibration=[line for some in lines_of.values() for line in some[10:30]],
        templates=sample_templates(lines_of.values()),
        record={"name": "small", "version": "1.2.3"},
        card="# small\n\n{parity}\n",
        keep_fp32=True,
    )
    return folder


class Answer(NamedTuple):
    """What a command of the trainer answered."""

    code: int
    out: str
    err: str


@pytest.fixture
def trainer_command(monkeypatch, capsys) -> Callable[..., Answer]:
    """``trainer_command("dedup", "--work", folder)`` is the console script in this process."""
    from trainer import cli

    monkeypatch.setattr(cli, "quiet_libraries", lambda: None)
    monkeypatch.delenv("RANK", raising=False)

    def command(*arguments: object) -> Answer:
        monkeypatch.setattr("sys.argv", ["secencoder-trainer", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
        except SystemExit as stop:
            return Answer(int(stop.code or 0), *capsys.readouterr())
        return Answer(0, *capsys.readouterr())

    return command
