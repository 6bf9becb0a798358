from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from encoder_core import Bundle, BundleError, Encoder
from encoder_core.bundle import write_manifest
from encoder_core.centring import BIAS, FILE, read_mean

LINES = ["session opened for user root", "disk full", "x"]


@pytest.fixture
def with_mean(bundle_copy):
    """``with_mean(tensors)`` is the copied bundle with a file of these tensors as its mean."""

    def make(tensors) -> Bundle:
        (bundle_copy / FILE).parent.mkdir(exist_ok=True)
        save_file(tensors, bundle_copy / FILE)
        write_manifest(bundle_copy, {"name": "copy", "version": "test"})
        return Bundle.load(bundle_copy)

    return make


def test_the_mean_of_the_bundle_is_off_every_vector_also_of_the_cached_ones(with_mean):
    dim = Bundle.load(with_mean({BIAS: np.zeros(1, np.float32)}).path).dim
    plain = Encoder(with_mean({BIAS: np.zeros(dim, np.float32)}), threads=1)
    mean = np.random.default_rng(1).normal(size=dim).astype(np.float32)
    centred = Encoder(with_mean({BIAS: -mean}), threads=1)
    for _ in range(2):
        np.testing.assert_allclose(centred.embed(LINES), plain.embed(LINES) - mean, atol=1e-5)
    assert centred.stats.computed == len(LINES)


def test_a_bundle_without_a_mean_gives_what_its_graph_gives(with_mean, bundle_copy):
    (with_mean({BIAS: np.zeros(1, np.float32)}).path / FILE).unlink()
    write_manifest(bundle_copy, {"name": "copy", "version": "test"})
    bundle = Bundle.load(bundle_copy)
    assert read_mean(bundle).tolist() == [0.0] * bundle.dim


def test_another_mean_is_another_identity(with_mean):
    one, other = (with_mean({BIAS: np.full(256, value, np.float32)}).identity for value in (0.0, 1.0))
    assert one != other


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"weight": np.zeros(3, np.float32)}, "is missing"),
        ({BIAS: np.zeros(3, np.float32)}, "of shape"),
        ({BIAS: np.full(256, np.nan, np.float32)}, "not finite"),
    ],
)
def test_a_mean_that_does_not_fit_is_refused_with_its_file(with_mean, tensors, reason):
    with pytest.raises(BundleError, match=reason) as caught:
        Encoder(with_mean(tensors))
    assert FILE in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_of_tensors_is_refused(with_mean):
    path = with_mean({BIAS: np.zeros(256, np.float32)}).path
    (path / FILE).write_bytes(b"no tensors")
    write_manifest(path, {"name": "copy", "version": "test"})
    with pytest.raises(BundleError, match="is no file of tensors"):
        Encoder.from_path(path)
