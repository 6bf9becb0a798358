from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_processors.detection.patternbook import Known, Merge, PatternBook


def known(text: str, first_seen: float = 0.0) -> Known:
    return Known(hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), text, None, first_seen)


def groups(book: PatternBook, texts: Iterable[str]) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for text in texts:
        found.setdefault(book.pattern_of(known(text).id), set()).add(text)
    return {frozenset(group) for group in found.values()}


def patterns(*texts: str) -> int:
    book = PatternBook()
    book.add([known(text) for text in texts])
    return len(groups(book, texts))


@pytest.mark.parametrize(
    "texts",
    [
        ("took <num> ms", "took <*> ms", "took <time>"),
        ("sent <num> B", "sent <num> KB", "sent <num> MB"),
        ("connection from <ip> () at <time>", "connection from <ip> (<*>) at <time>"),
        ("copied <path>", "copied <path>, <path>", "copied <path>, <path>, <path>"),
        ("starting the main loop", "starting main loop."),
        ("session opened for user alice by (uid=<num>)", "session opened for user root by (uid=<num>)"),
        ("lock name=<*>, flags=<hex>", "lock name=<id>, flags=<hex>"),
        ("request done status: 200 in <num>", "request done status: 404 in <num>"),
        ("mount of <*> is complete", "mount of backupvol is complete"),
        tuple(f"module {name} loaded in slot <num>" for name in ("tigon", "forcedeth", "virtio", "mlx")),
        tuple(
            f"Invalid user {name} at gate <num>"
            for name in ("hkfo", "hkfo nilp", "chfm hekk", "abbu defo ghik")
        ),
        tuple(f"class {a}xa handled by {a}yb of <ip>" for a in ("bof", "dok", "gim", "lup")),
        tuple(
            f"loading hive {name} into registry"
            for name in (
                "SYSTEM",
                "SECURITY",
                "SAM",
                "SOFTWARE",
                "COMPONENTS",
                "schema.dat",
                "DEFAULT",
                "ntuser.dat",
            )
        ),
    ],
)
def test_what_says_the_same_is_one_pattern(texts: tuple[str, ...]):
    assert patterns(*texts) == 1


@pytest.mark.parametrize(
    "statements",
    [
        (
            "failed",
            "succeeded",
            "accepted",
            "rejected",
            "timed out",
            "refused",
            "retried",
            "aborted",
            "cancelled",
        ),
        (
            "up",
            "down",
            "open",
            "closed",
            "enabled",
            "disabled",
            "unknown",
            "full",
            "empty",
            "online",
            "offline",
        ),
        ("started", "stopped", "starting", "stopping", "restarted", "killed", "paused", "resumed", "spawned"),
        ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency", "fatal", "severe"),
        (
            "read-only",
            "read-write",
            "write-only",
            "NOT_FOUND",
            "AccessDenied",
            "ConnectionRefused",
            "isActive",
        ),
    ],
)
def test_outcomes_states_and_levels_stay_apart(statements: tuple[str, ...]):
    texts = [f"transfer of the disk image to <ip> {statement} after <num> ms" for statement in statements]
    assert patterns(*texts) == len(texts)


@pytest.mark.parametrize(
    "verbs",
    [
        (
            "add",
            "remove",
            "allow",
            "deny",
            "connect",
            "disconnect",
            "start",
            "stop",
            "open",
            "close",
            "create",
            "delete",
        ),
        (
            "Adding",
            "Removing",
            "Allowing",
            "Denying",
            "Mounting",
            "Unmounting",
            "Locking",
            "Unlocking",
            "Binding",
        ),
        ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "CONNECT", "TRACE"),
    ],
)
def test_different_verbs_stay_apart(verbs: tuple[str, ...]):
    assert patterns(*(f"{verb} rule for address <ip> in chain input" for verb in verbs)) == len(verbs)


def test_event_codes_stay_apart():
    texts = [f"event id {code}: audit log of <*>" for code in range(4610, 4640)]
    assert patterns(*texts) == len(texts)


def test_a_few_names_are_no_variable_and_neither_are_names_with_little_around():
    assert (
        patterns("cache hivex is warm again", "cache hivey is warm again", "cache hivez is warm again") == 3
    )
    assert patterns(*(f"{name} started" for name in ("nginx", "mysqld", "redis", "chronyd"))) == 4
    assert patterns(*(f"{name}: <num>" for name in (f"{a}{b}x" for a in "bcdfg" for b in "aeiou"))) == 25


NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "<*>", "backup")
NOUNS = ("system", "security", "software", "component", "network", "database", "memory", "sam", "<*>")
TEXTS = st.sampled_from(
    [
        *(
            f"password for {name} has changed on host {host}"
            for name in NAMES
            for host in ("ada", "bea", "cleo", "dia")
        ),
        *(f"disk {name} of array <num> {state}" for name in NAMES for state in ("failed", "is online")),
        *(f"job {a} {b} queued behind <num>" for a in NAMES[:4] for b in ("", "nil", "xy zz")),
        *(f"{name} ready" for name in NAMES),
        *(f"loading hive {name} into registry" for name in NOUNS),
        *(f"size <num>{unit}, {name}" for unit in (" KB", " MB", "") for name in ("kept", "gone")),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, unique=True, max_size=40), st.randoms(use_true_random=False), st.integers(1, 9))
def test_groups_depend_on_the_set_alone(texts: list[str], draw: random.Random, size: int):
    whole = PatternBook()
    whole.add([known(text) for text in texts])
    shuffled = draw.sample(texts, len(texts))
    parts = PatternBook()
    for begin in range(0, len(texts), size):
        parts.add([known(text) for text in shuffled[begin : begin + size]])
    assert groups(parts, texts) == groups(whole, texts)


class Log:
    """What a store keeps of a source: the first decision about a template, and merges in order."""

    def __init__(self) -> None:
        self.templates: list[Known] = []
        self.patterns: dict[str, str] = {}
        self.merges: list[Merge] = []

    def record(self, templates: Iterable[Known], decided: dict[str, str], merges: list[Merge]) -> None:
        for template in templates:
            if template.id not in self.patterns:
                self.templates.append(template)
                self.patterns[template.id] = decided[template.id]
        self.merges += merges

    def pattern_of(self, template_id: str) -> str:
        pattern, into = self.patterns[template_id], {merge.pattern: merge.into for merge in self.merges}
        for _ in range(len(into) + 1):
            pattern = into.get(pattern, pattern)
        assert pattern not in into
        return pattern


def shared(texts: Sequence[str], partitions: int) -> set[frozenset[str]]:
    """The groups of a store's readers when the texts are spread over partitions that hear of each other late."""
    log, books, heard = Log(), [PatternBook() for _ in range(partitions)], [(0, 0)] * partitions
    templates = [known(text, float(at)) for at, text in enumerate(texts)]
    steps = [templates[begin : begin + 3] for begin in range(0, len(texts), 3)] + [[]] * 3 * partitions
    for at, step in enumerate(steps):
        book, (first, merged) = books[at % partitions], heard[at % partitions]
        news = log.templates[first:]
        pairs = [(merge.pattern, merge.into) for merge in log.merges[merged:]]
        heard[at % partitions] = len(log.templates), len(log.merges)
        if (
            at % (2 * partitions) < partitions and at < len(steps) - 2 * partitions
        ):  # does not listen each time
            heard[at % partitions] = first, merged
        else:
            log.merges += book.adopt(news, {t.id: log.patterns[t.id] for t in news}, pairs).merges
        decisions = book.add(step)
        log.record(step, decisions.patterns, decisions.merges)
        book.adopt([], {template.id: log.patterns[template.id] for template in step})
    found: dict[str, set[str]] = {}
    for template in templates:
        found.setdefault(log.pattern_of(template.id), set()).add(template.text)
    return {frozenset(group) for group in found.values()}


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, unique=True, max_size=40))
def test_one_four_and_eight_partitions_end_with_the_same_groups(texts: list[str]):
    assert shared(texts, 1) == shared(texts, 4) == shared(texts, 8)


def test_the_template_seen_first_founds_and_a_later_merge_is_told_once():
    texts = [
        f"module {name} loaded in slot <num>" for name in ("tigon", "forcedeth", "virtio", "mlx", "bnxt")
    ]
    book = PatternBook()
    first = book.add([known(text, 10 + at) for at, text in enumerate(texts[:3])])
    assert list(first.patterns.values()) == [known(text).id for text in texts[:3]]
    assert first.merges == []
    second = book.add([known(texts[3], 20)])
    founder = known(texts[0]).id
    assert second.patterns == {known(texts[3]).id: founder}
    reason = "4 names in one place: forcedeth, mlx, tigon, virtio"
    assert second.merges == [Merge(known(text).id, founder, 20, reason) for text in texts[1:3]]
    assert book.add([known(texts[4], 30)]).merges == []
    assert book.readable(founder) == "module <*> loaded in slot <num>"
    assert book.readable(known(texts[1]).id) == "module <*> loaded in slot <num>"


def test_what_the_store_decided_holds():
    mine, theirs = known("door <num> opened"), known("door <id> opened", 5)
    book = PatternBook()
    assert book.add([mine]).patterns == {mine.id: mine.id}
    pending = book.adopt([theirs], {theirs.id: theirs.id})
    assert [(merge.pattern, merge.into) for merge in pending.merges] == [(theirs.id, mine.id)]
    other = PatternBook()
    other.add([mine])
    assert other.adopt([], {mine.id: "00000000000000aa"}).merges[0].into in (mine.id, "00000000000000aa")
    told = PatternBook()
    told.adopt([mine, theirs], {mine.id: mine.id, theirs.id: theirs.id}, [(theirs.id, mine.id)])
    assert told.pattern_of(theirs.id) == mine.id


def test_a_merge_is_kept_in_the_direction_that_the_store_recorded():
    texts = [f"module {name} loaded in slot <num>" for name in ("tigon", "forcedeth", "virtio", "mlx")]
    book = PatternBook()
    templates = [known(text, at) for at, text in enumerate(texts)]
    for template in templates:
        book.add([template])
    first, second = templates[0].id, templates[1].id
    assert book.pattern_of(second) == first
    assert book.adopt([], {}, [(first, second)]).merges == []
    assert {book.pattern_of(template.id) for template in templates} == {second}
    assert book.readable(first) == book.readable(second) == "module <*> loaded in slot <num>"


def test_the_unused_are_forgotten_and_the_used_are_kept():
    texts = [f"{a}{b}x: <num>" for a in "bcdfgh" for b in "aeiou"]
    book = PatternBook(limit=10)
    book.add([known(text) for text in texts[:10]])
    book.use([known(texts[0]).id])
    decided = book.add([known(text) for text in texts[10:19]])
    assert len(decided.patterns) == 9
    assert len(book) == 10
    assert book.pattern_of(known(texts[0]).id) == known(texts[0]).id
    with pytest.raises(KeyError):
        book.pattern_of(known(texts[1]).id)


def test_a_pattern_known_to_vary_takes_names_when_its_first_are_forgotten():
    texts = [f"module {a}{b}xx loaded in slot <num>" for a in "bcdfgh" for b in "aeiou"]
    book = PatternBook(limit=5)
    for text in texts:
        book.add([known(text)])
    assert {book.pattern_of(known(text).id) for text in texts[-5:]} == {
        min(known(text).id for text in texts[:4])
    }


@pytest.mark.parametrize("limit", [4096, 25])
def test_a_restored_book_goes_on_as_the_saved_one(limit: int):
    texts = [f"password for {a}{b} has changed on host {b}x" for a in "bcdfgh" for b in "aeiou"]
    later = [f"password for {a}{b} has changed on host {a}x" for a in "xyz\ud800" for b in "aeiou"]
    book, again = PatternBook(limit), PatternBook(limit)
    book.add([known(text, at) for at, text in enumerate(texts)])
    again.restore(book.state())
    assert {name: array.tolist() for name, array in again.state().items()} == {
        name: array.tolist() for name, array in book.state().items()
    }
    more = [Known(f"{at:016x}", text, None, 100 + at) for at, text in enumerate(later)]
    for template in more:
        assert again.add([template]) == book.add([template])


def test_a_state_whose_parts_do_not_go_together_is_refused():
    book = PatternBook()
    book.add([known("one"), known("two")])
    state = book.state()
    with pytest.raises(ValueError, match="don't go together"):
        PatternBook().restore({**state, "ids": state["ids"][:1]})


@pytest.mark.parametrize("limit", [0, -1])
def test_a_book_holds_at_least_one_template(limit: int):
    with pytest.raises(ValueError, match="at least 1"):
        PatternBook(limit)


def hostile(kind: str, count: int) -> list[str]:
    draw = random.Random(kind)

    def word() -> str:
        return "".join(draw.choices("bcdfghjklmnpqrstvwxz", k=8))

    shapes = {
        "words": lambda: " ".join(word() for _ in range(30)),
        "frames": lambda: f"copied {word()} from {word()} to {word()} by {word()} for {word()}",
        "marks": lambda: "".join(draw.choices("([{<>}])=:;,.'\"|", k=300)),
        "letters": lambda: "".join(draw.choices("ab ", k=300)),
        "long": lambda: word() * 3_000,
        "unicode": lambda: "".join(chr(draw.randrange(0x20, 0x3000)) for _ in range(200)),
        "placeholders": lambda: "<num> " * draw.randrange(300) + word(),
    }
    return [shapes[kind]() for _ in range(count)]


@pytest.mark.parametrize("kind", ["words", "frames", "marks", "letters", "long", "unicode", "placeholders"])
def test_hostile_templates_stay_bounded(kind: str):
    book = PatternBook(limit=200)
    texts = hostile(kind, 600)
    for begin in range(0, len(texts), 100):
        decisions = book.add([Known(f"{at:016x}", texts[at]) for at in range(begin, begin + 100)])
        assert len(decisions.patterns) == 100
        assert all(
            isinstance(book.readable(pattern), str) for pattern in list(decisions.patterns.values())[:3]
        )
    assert len(book) == 200
    if kind == "frames":
        assert len({book.pattern_of(f"{at:016x}") for at in range(400, 600)}) == 1
