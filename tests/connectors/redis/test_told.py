"""Slots of which the store has all there is are not sent again."""

from __future__ import annotations

from connectors.findings import SlotSummary
from tests.connectors.steps import known, step, template

TOLD = (SlotSummary("0", "num", ("7", "8", "9"), 7.0, 9.0), SlotSummary("user", "*", ("ada",)))


def named(*slots: SlotSummary) -> list:
    return [known("a" * 16, minutes=((28_333_333, 1),), parameters=slots)]


def test_a_slot_is_sent_when_it_says_something_new(redis_store, client):
    store = redis_store()
    kept = lambda: {one.slot: one for one in store.templates("logs")[0].parameters}  # noqa: E731
    store.apply(step(None, 1, templates=[template("a" * 16, parameters=TOLD)]))
    client.hdel(store.key("logs", "template", "a" * 16), "slots")  # what is sent again would be there again
    store.apply(step(1, 2, templates=named(SlotSummary("0", "num", ("8",), 8.0, 8.0), TOLD[1])))
    assert kept() == {}
    store.apply(step(2, 3, templates=named(SlotSummary("0", "num", ("5",), 5.0, 5.0), TOLD[1])))
    assert kept() == {"0": SlotSummary("0", "num", ("5",), 5.0, 5.0)}
    store.apply(step(3, 4, templates=named(SlotSummary("user", "*", ("bob",)))))
    assert kept().keys() == {"0", "user"}


def test_a_template_that_the_store_forgot_is_told_all_again(redis_store, client):
    store = redis_store()
    store.apply(step(None, 1, templates=[template("a" * 16, parameters=TOLD)]))
    client.delete(store.key("logs", "template", "a" * 16))
    assert store.apply(step(1, 2, templates=named())).missing == ("a" * 16,)
    store.apply(step(2, 3, templates=[template("a" * 16, parameters=TOLD)]))
    assert store.templates("logs")[0].parameters == TOLD
