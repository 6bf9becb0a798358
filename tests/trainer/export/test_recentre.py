from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from encoder_core import Bundle, Encoder
from encoder_core.bundle import write_manifest


@pytest.fixture
def family(exported, tmp_path):
    """An encoder and a bundle that says to be its student."""
    encoder = shutil.copytree(exported, tmp_path / "encoder")
    student = shutil.copytree(exported, tmp_path / "student")
    teacher = {"name": "small", "version": "1.2.3", "sha256": Bundle.load(encoder).sha256}
    write_manifest(student, {"name": "student", "version": "1", "teacher": teacher})
    return encoder, student


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_text("".join(f"link {word} on port {n}\n" for n in range(9) for word in "ab"))
    (folder / "b.jsonl").write_text('{"event": "door opened", "n": 1}\n{"event": "door closed", "n": 2}\n')
    return folder


def test_bundles_get_a_mean_of_the_corpus_and_keep_their_weights(trainer_command, family, corpus):
    before = [Bundle.load(path) for path in family]
    answer = trainer_command("centre", family[1], family[0], "--corpus", corpus)  # in any order
    assert (answer.code, answer.err) == (0, "")
    after = [Bundle.load(path) for path in family]
    for old, new in zip(before, after, strict=True):
        changed = {
            name for name, entry in new.manifest["files"].items() if entry != old.manifest["files"].get(name)
        }
        assert changed == {"2_Centring/model.safetensors"}
        assert new.manifest["name"] == old.manifest["name"]
        assert new.manifest["centring"]["sources"] == 2
        assert new.identity != old.identity
    assert after[1].manifest["teacher"]["sha256"] == after[0].sha256


def test_the_vectors_of_the_corpus_lie_around_zero(trainer_command, family, corpus):
    trainer_command("centre", family[0], "--corpus", corpus)
    encoder = Encoder.from_path(family[0])
    both = encoder.embed(["link a on port <num>", "door opened"])
    assert np.linalg.norm(both.mean(axis=0)) < 0.5 * np.linalg.norm(both + encoder.mean, axis=1).mean()


def test_what_is_no_bundle_or_no_corpus_is_one_line_and_changes_nothing(trainer_command, family, corpus):
    before = Bundle.load(family[0]).sha256
    for arguments in ((family[0], corpus, "--corpus", corpus), (family[0], "--corpus", corpus / "none")):
        answer = trainer_command("centre", *arguments)
        assert answer.code == 2
        assert len(answer.err.splitlines()) == 1
    assert Bundle.load(family[0]).sha256 == before
    assert json.loads((family[0] / "manifest.json").read_text())["name"] == "small"
