"""How much of a step goes over the wire."""

from __future__ import annotations

import pytest

from tests.connectors.steps import MINUTE, NOW, SLOTS, known, step, template

LINES, LINE_BYTES, TEMPLATES = 4_000, 120, 150


@pytest.fixture
def sent(client, redis_store):
    """``sent(changes)``: bytes that the server was sent for a step."""
    store = redis_store()
    store.apply(step(None, 0))

    def count(changes) -> int:
        before = client.info("stats")["total_net_input_bytes"]
        store.apply(changes)
        after = client.info("stats")["total_net_input_bytes"]
        return after - before - (client.info("stats")["total_net_input_bytes"] - after)

    return count


def test_a_step_of_known_templates_is_a_small_part_of_its_lines(sent):
    names = [f"{number:016x}" for number in range(TEMPLATES)]
    each, minutes = LINES // TEMPLATES, ((MINUTE, 20), (MINUTE + 1, 6))
    whole = [template(name, count=each, minutes=minutes, parameters=SLOTS) for name in names]
    first = sent(step(0, LINES, lines=LINES, templates=whole))
    later = [known(name, count=each, seen=NOW + 1.234567, minutes=minutes) for name in names]
    again = sent(step(LINES, 2 * LINES, lines=LINES, templates=later))
    assert again < 0.05 * LINES * LINE_BYTES
    assert again < first / 2
    assert again < sent(step(2 * LINES, 2 * LINES + 1, lines=1)) + 160 * TEMPLATES
