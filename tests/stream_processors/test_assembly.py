from __future__ import annotations

import numpy as np
import pytest

from encoder_core import Bundle, BundleError, Encoder
from encoder_core.cascade import Cascade
from stream_processors import assembly
from stream_processors.assembly import make_embedder, make_encoder
from stream_processors.settings import load_settings

LINES = ["sshd: session opened for user root", "kernel: eth0 link is down"]


@pytest.fixture
def settings():
    """``settings(tier="static", ...)``: with these settings of the encoder."""

    def make(**encoder: object):
        options = {"max_tokens": 16, "threads": 1} | encoder
        return load_settings(
            overrides={f"encoder.{name}": str(value) for name, value in options.items()}, environ={}
        )

    return make


def test_by_default_there_is_the_full_encoder_of_the_shipped_bundle(settings, bundle):
    encoder = make_embedder(settings())
    assert isinstance(encoder, Encoder)
    assert encoder.bundle == bundle


def test_the_static_tier_is_the_static_bundle_everywhere(settings, bundle_copy):
    chosen = settings(tier="static", static_bundle=bundle_copy)
    assert make_embedder(chosen).bundle.path == make_encoder(chosen).bundle.path == bundle_copy


def test_a_cascade_is_both_and_what_is_asked_and_kept_is_of_the_full_one(settings, bundle, student_bundle):
    chosen = settings(tier="cascade", static_bundle=student_bundle, cascade_similarity=0.5, cache_mb=8)
    cascade = make_embedder(chosen)
    assert isinstance(cascade, Cascade)
    assert cascade.static.bundle.path == student_bundle
    assert cascade.bundle == cascade.full.bundle == make_encoder(chosen).bundle == bundle
    vectors, cut = cascade.embed_and_flag([*LINES, "word " * 100])
    assert cut.tolist() == [False, False, True]
    own = make_encoder(chosen).embed(LINES)
    np.testing.assert_allclose(vectors[:2], own / np.linalg.norm(own, axis=1, keepdims=True), atol=0.02)


def test_the_shipped_bundles_make_a_cascade(settings):
    cascade = make_embedder(settings(tier="cascade"))
    assert cascade.static.bundle.config["model_type"] == "secencoder-static"
    assert cascade.full.bundle.config["model_type"] == "deberta-v2"


def test_a_cascade_refuses_the_student_of_another_encoder(settings, bundle_copy):
    """The folder of a user's own encoder, and the static one that ships; and one that is nobody's student."""
    for other in ({"bundle": bundle_copy}, {"static_bundle": bundle_copy}):
        with pytest.raises(BundleError, match=r"was not distilled from .*encoder\.static_bundle") as caught:
            make_embedder(settings(tier="cascade", **other))
        assert str(bundle_copy) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tier", ["static", "cascade"])
def test_a_static_bundle_that_is_not_there_is_named_with_its_setting(settings, tmp_path, tier):
    with pytest.raises(
        BundleError, match=rf"none: no such .*encoder\.tier = {tier}.*encoder\.static_bundle"
    ) as caught:
        make_embedder(settings(tier=tier, static_bundle=tmp_path / "none"))
    assert "\n" not in str(caught.value)


def test_the_options_reach_the_encoder(settings, monkeypatch):
    given = {}
    monkeypatch.setattr(
        Encoder, "__init__", lambda self, bundle, **options: given.update(options, bundle=bundle)
    )
    assembly.make_encoder(settings(batch_tokens=99, cache_mb=3, threads=2))
    assert isinstance(given.pop("bundle"), Bundle)
    assert given == {
        "max_tokens": 16,
        "batch_tokens": 99,
        "threads": 2,
        "cache_bytes": 3 << 20,
    }
