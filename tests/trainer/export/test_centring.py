from __future__ import annotations

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest

from encoder_core import Bundle, Encoder
from encoder_core.bundle import write_manifest
from encoder_core.centring import FILE, read_mean
from trainer.export.centring import (
    SECTION,
    SOURCE_TEMPLATES,
    add_centring,
    fit_mean,
    sample_templates,
)

WORDS = ("disk", "fan", "link", "door", "user")


@pytest.fixture
def copy(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "bundle")


def cosines(some, others):
    return (some * others).sum(1) / np.linalg.norm(some, axis=1) / np.linalg.norm(others, axis=1)


def test_templates_are_those_of_messages_distinct_and_at_most_so_many_of_a_source():
    header = "Jun 14 15:16:{:02} web1 sshd[{}]: session {} opened for root"
    many = ["".join(WORDS[int(d)] + " " for d in np.base_repr(n, 5)) for n in range(SOURCE_TEMPLATES + 9)]
    found = sample_templates([[header.format(n, n, n) for n in range(40)], many, [], [""]])
    assert len(found[0]) == 1
    assert "web1" not in found[0][0]
    assert len(found[1]) == SOURCE_TEMPLATES
    assert all(isinstance(template, str) for own in found for template in own)


def test_a_mean_gives_each_source_the_same_weight_whatever_mean_the_bundle_had(exported, copy):
    encoder = Encoder.from_path(exported)
    sources = [["disk full"], ["link up", "link down", "door open", "fan stopped"]]
    graph = [(encoder.embed(own) + encoder.mean).mean(axis=0) for own in sources]
    np.testing.assert_allclose(fit_mean(encoder, sources), np.mean(graph, axis=0), atol=1e-4)
    write_manifest(copy, {"name": "small"} | add_centring(copy, encoder, [["disk full"]]))
    again = Encoder.from_path(copy)
    assert not np.allclose(again.mean, encoder.mean, atol=1e-3)
    np.testing.assert_allclose(fit_mean(again, sources), fit_mean(encoder, sources), atol=1e-4)


def test_without_any_text_the_mean_is_zero(exported):
    assert fit_mean(Encoder.from_path(exported), []).tolist() == [0.0] * 32


def test_an_exported_bundle_has_a_mean_and_its_card_says_so(exported):
    bundle = Bundle.load(exported)
    assert np.linalg.norm(read_mean(bundle)) > 0
    assert bundle.manifest["centring"]["templates"] >= bundle.manifest["centring"]["sources"] > 1
    assert (exported / "README.md").read_text().count(SECTION) == 1


def test_a_new_mean_replaces_the_old_one_in_its_place(exported, copy):
    before = json.loads((copy / "modules.json").read_text())
    add_centring(copy, Encoder.from_path(exported), [["disk full"]])
    assert json.loads((copy / "modules.json").read_text()) == before
    assert (copy / "README.md").read_text() == (exported / "README.md").read_text()
    assert (copy / FILE).read_bytes() != (exported / FILE).read_bytes()


@pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="needs sentence-transformers")
def test_sentence_transformers_takes_the_same_mean_off(exported, lines_of):
    from sentence_transformers import SentenceTransformer

    lines = [line for some in lines_of.values() for line in some[:2]]
    theirs = SentenceTransformer(str(exported), device="cpu").float()
    theirs.max_seq_length = 128
    encoder = Encoder.from_path(exported)
    centred = theirs.encode(lines, show_progress_bar=False)
    assert cosines(centred, encoder.embed(lines)).mean() > 0.99
    assert cosines(centred + encoder.mean, encoder.embed(lines)).mean() < 0.9
