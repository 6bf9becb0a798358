from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.detectors.characters import Characters
from tests.stream_processors.detection.detectors.lines import columns, parts, seen_of, text

ATTACKS = ["1%27%20or%201%3D1--", "<script>alert(1)</script>", "..%2f..%2fetc%2fpasswd"]


def request(n: int, item: str = "") -> str:
    return f"session=a{n * 7919 % 10007}XyZ{n}&item={item or f'shoe-{n % 50}'}&page={n % 7}"


def usual(count: int = 500) -> list:
    return [text(request(n)) for n in range(count)]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_payload_in_a_parameter_is_unlike_other_values(attack):
    kind = Characters()
    scores = kind.observe(seen_of(usual())).scores
    seen = seen_of([text(request(7, attack)), text(request(999))])
    found = kind.observe(seen).scores
    assert found[0] > 1.5 * scores[-100:].max()
    assert found[1] < 0.5 * found[0]
    assert kind.explain(seen, 0).numbers["written"].strip("&") in attack
    assert "is written unlike" in kind.explain(seen, 0).text


def test_a_payload_in_a_column_is_named():
    kind = Characters()
    kind.observe(seen_of([columns(path=f"/shop/item/{n % 40}", agent="curl/8.1") for n in range(400)]))
    seen = seen_of([columns(path="/shop/item/3';drop table users--", agent="curl/8.1")])
    surprises = kind.observe(seen)
    assert surprises.scores[0] > 1.0
    assert seen.batch.part(0, int(surprises.causes[0]))[0] == "path"
    assert "in path" in kind.explain(seen, 0).text


def test_random_identifiers_are_usual_however_long():
    draw = np.random.default_rng(1)
    alphabet = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
    lines = [text(f"token={''.join(draw.choice(alphabet, 20 + 60 * (n > 480)))}") for n in range(500)]
    scores = Characters().observe(seen_of(lines)).scores
    assert scores[-20:].max() < 1.5


def test_a_hash_is_usual_where_others_were_also_under_a_name_that_is_new():
    draw = np.random.default_rng(2)
    alphabet = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))

    def key(n: int) -> str:
        return f"{'sig' if n < 12 else 'mac'}=x{''.join(draw.choice(alphabet, 43))}7"

    kind = Characters()
    kind.observe(seen_of(usual()))
    scores = kind.observe(seen_of([text(key(n)) for n in range(14)])).scores
    assert scores[0] > 3 and scores[-2:].max() < 0.6 * scores[0]
    payload = kind.observe(seen_of([text("mac=x7<img src=q onerror='alert(document.cookie1)'>")])).scores
    assert payload[0] > 1.5 * scores[-2:].max()


@pytest.mark.parametrize("size", [1, 7])
def test_scores_do_not_depend_on_how_the_stream_is_cut_or_on_a_restart(size):
    records = [*usual(120), text(request(1, ATTACKS[0])), *usual(60), text(request(2, ATTACKS[1]))]
    whole = Characters().observe(seen_of(records)).scores
    kind, found = Characters(), []
    for at, part in enumerate(parts(seen_of(records), size)):
        if at == 17:
            saved, kind = kind.state(), Characters()
            kind.restore(saved)
        found.append(kind.observe(part).scores)
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-5)


def test_bytes_of_all_sorts_are_read():
    odd = ["%", "%2", "=%zz&&;;??", "=", "a=" * 4_000, "\udcff\x00é" * 900, ""]
    scores = Characters().observe(seen_of([text(one) for one in odd])).scores
    assert np.all(np.isfinite(scores)) and np.all(scores >= 0)
