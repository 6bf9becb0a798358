from __future__ import annotations

import pytest

from encoder_core import Bundle, default_bundle_path
from trainer.export.card import model_card
from trainer.export.publish import bundle_name
from trainer.pretraining.model import make_config

SCORE = {"lines": 10, "predictions": 100, "perplexity": 8.0, "accuracy": 0.5}
UNIGRAM = {"unigram_perplexity": 900.0, "unigram_accuracy": 0.03}
ROW = {"distribution": "in", "set": "heldout", "forms": "all", **SCORE, **UNIGRAM}


@pytest.fixture
def record():
    training = {"delimiters": "skip", "start_from": None, "data": "Lines {of} ours.", "steps": 10}
    training |= {"batch_tokens": 512, "accumulation": 2, "max_length": 64, "lines": 5, "corpus_tokens": 50}
    training |= {"learning_rate": 1e-3, "mask_probability": 0.2}
    return {
        "name": "small",
        "version": "2",
        "licence": "MIT",
        "parameters": 1_000,
        "training": training,
        "metrics": [ROW],
    }


def card(record, **shape):
    return model_card(record, make_config("tiny", 300, shape=shape).to_dict(), test_length=256).format(
        parity=""
    )


def test_the_card_says_what_the_model_is_and_how_it_did(record):
    text = card(record, pos_att_type=["c2p", "p2c"], position_buckets=64)
    assert text.startswith("---\nlicense: mit\n")
    for fact in ("# small 2", "64 position buckets (c2p and p2c)", "Lines {of} ours.", "| 8.0 | 50.0% |"):
        assert fact in text
    assert "replaces" not in text


def test_the_metrics_of_the_replaced_bundle_stand_beside_the_new_ones(record):
    replaced = {"name": "smaller", "version": "1", "metrics": [ROW | {"perplexity": 13.0}]}
    text = card(record | {"replaces": replaced})
    new, old = text.index("| 8.0 | 50.0% |"), text.index("| 13.0 | 50.0% |")
    assert new < text.index("replaces, smaller 1") < old


def test_the_shipped_bundles_metrics_can_be_shown(record):
    manifest = Bundle.load(default_bundle_path()).manifest
    text = card(record | {"replaces": {name: manifest[name] for name in ("name", "version", "metrics")}})
    assert f"{manifest['name']} {manifest['version']}" in text


def test_the_bundle_that_a_training_started_from_is_named_without_its_path(record, tmp_path):
    shipped = Bundle.load(default_bundle_path())
    assert bundle_name(default_bundle_path()) == f"{shipped.name} {shipped.version}"
    assert bundle_name(tmp_path / "gone") == "gone"
    record["training"]["start_from"] = "smaller 1"
    assert "pretrained from the weights of smaller 1" in " ".join(card(record).split())
