from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.detectors.values import Values
from tests.stream_processors.detection.detectors.lines import columns, parts, seen_of, text


def logins(count: int = 600) -> list:
    users, hosts = ("alice", "bob", "carol"), ("web1", "web2", "db1")
    return [
        columns(user=users[n % 3], host=hosts[n % 3 if n % 5 else (n + 1) % 3], session=f"s{n * 7919}")
        for n in range(count)
    ]


def scored(kind: Values, records: list) -> tuple[np.ndarray, list[str]]:
    seen = seen_of(records)
    scores = kind.observe(seen).scores
    return scores, [kind.explain(seen, place).text for place in range(len(seen))]


def test_a_value_never_seen_surprises_and_one_that_is_always_new_does_not():
    kind = Values()
    scores, _ = scored(kind, logins())
    assert scores[-100:].max() < 1.0
    scores, reasons = scored(kind, [columns(user="mallory", host="web1", session="s1")])
    assert scores[0] > 3.0
    assert reasons == ["user 'mallory' never seen in 600 lines with this"]


def test_a_value_that_keeps_coming_surprises_less_and_less():
    kind = Values()
    scored(kind, logins())
    scores, _ = scored(kind, [columns(user="mallory", host="web1", session=f"t{n}") for n in range(40)])
    assert np.all(np.diff(scores[[0, 3, 10, 39]]) < 0)


def test_two_common_values_that_never_met_surprise():
    kind = Values()
    records = [r for r in logins(900) if (r.fields["user"], r.fields["host"]) != ("carol", "web1")]
    scored(kind, records)
    scores, reasons = scored(kind, [columns(user="carol", host="web1", session="s1")])
    assert scores[0] > 2.0
    assert "user 'carol' and host 'web1' never seen together" in reasons[0]


def test_a_number_of_an_odd_size_surprises_though_all_are_new():
    kind = Values()
    usual = [
        text(f"sent {9_000 + 7_919 * n % 5_003} bytes in {0.1 + n * 31 % 307 / 10_000:.4f} s")
        for n in range(300)
    ]
    assert scored(kind, usual)[0][-50:].max() < 2.0
    scores, reasons = scored(
        kind, [text("sent 12101 bytes in 0.1111 s"), text("sent 987654321 bytes in 0.1112 s")]
    )
    assert scores[0] < 2.0 < 3.0 < scores[1]
    assert reasons[1].startswith("parameter 0 '987654321' is unlike the size of this number")


def test_young_slots_say_little_and_many_parts_are_no_surprise():
    kind = Values()
    wide = [columns(**{f"c{k}": str((n + k) % 4) for k in range(60)}) for n in range(400)]
    scores, _ = scored(kind, wide)
    assert scores[:5].max() < 1.0
    assert np.quantile(scores[100:], 0.99) < 1.0


@pytest.mark.parametrize("size", [1, 7])
def test_scores_do_not_depend_on_how_the_stream_is_cut_or_on_a_restart(size):
    records = [*logins(150), *[text(f"took {n * n} ms for 192.0.2.{n % 9}") for n in range(100)], *logins(50)]
    whole = Values().observe(seen_of(records)).scores
    kind, found = Values(), []
    for at, part in enumerate(parts(seen_of(records), size)):
        if at == 17:
            saved, kind = kind.state(), Values()
            kind.restore(saved)
        found.append(kind.observe(part).scores)
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-4, atol=1e-5)


def test_what_is_unlearned_surprises_again():
    kind, seen = Values(), seen_of([columns(user="mallory", host="web1", session="s1")])
    scored(kind, logins())
    first = kind.observe(seen).scores[0]
    kind.unlearn(seen, np.array([0]))
    again = kind.observe(seen).scores[0]
    assert again == pytest.approx(first, rel=0.05)
    assert kind.observe(seen).scores[0] < 0.95 * first
