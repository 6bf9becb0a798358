from __future__ import annotations

import numpy as np
import pytest

from encoder_core import Bundle, Encoder, static_bundle_path
from stream_processors.demo.scenario import scenario

LIMIT = 10 * 10**6


@pytest.fixture(scope="module")
def static():
    return Encoder.from_path(static_bundle_path(), max_tokens=128, threads=1)


@pytest.fixture(scope="module")
def lines():
    return [labelled.line for labelled in scenario(lines=150, seed=3)]


def test_the_shipped_student_is_small_and_is_not_taken_for_its_teacher(bundle):
    student = Bundle.load(static_bundle_path())
    assert sum(path.stat().st_size for path in student.path.rglob("*") if path.is_file()) <= LIMIT
    assert student.dim == bundle.dim
    assert student.identity != bundle.identity, "memories of two spaces are kept apart"


def test_its_vectors_are_near_the_teachers(static, lines, bundle):
    """Of the graphs' vectors without the part that these lines share, which any student would have.

    Half of the teacher's dimensions hold no more of the little in which these lines differ.
    """
    teacher = Encoder(bundle, max_tokens=128, threads=1)
    theirs = teacher.embed(lines) + teacher.mean
    centre = theirs.mean(axis=0)
    ours, theirs = static.embed(lines) + static.mean - centre, theirs - centre
    cosines = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosines.mean() > 0.5
    strangers = (ours * np.roll(theirs, 7, axis=0)).sum(1)
    assert (
        cosines.mean()
        > 0.4 + (strangers / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)).mean()
    )


def test_padding_and_company_do_not_change_a_vector(static, lines):
    alone = np.concatenate([static.embed([line]) for line in lines[:5]])
    fresh = Encoder(static.bundle, max_tokens=128, threads=1)
    np.testing.assert_allclose(fresh.embed(lines)[:5], alone, atol=1e-5)


@pytest.mark.parametrize("line", ["", " ", "x" * 100_000, "ünï", "\x00"])
def test_any_text_has_a_finite_vector(static, line):
    assert np.isfinite(static.embed([line])).all()
