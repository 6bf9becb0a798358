"""Sources inside a topic, with real workers and servers: every line has its effect once, in one source."""

from __future__ import annotations

import json
import random

from connectors.findings import topic_of

LINES = 8_000
TEAMS = ("blue", "red", "green", "grey", "late", "rare")
EARLY, LATE = (40, 20, 10, 5, 0, 1), (40, 20, 0, 5, 30, 1)
"""Shares of the teams' lines in either half."""


def test_each_line_counts_in_one_source_although_a_worker_is_killed(stream_factory):
    choose = random.Random(3)
    stream = stream_factory(
        2,
        STREAM__SOURCE="team",
        STREAM__MAX_SOURCES="3",
        STREAM__BATCH_LINES="100",
        STREAM__SNAPSHOT_LINES="200",
    )
    halves = (choose.choices(TEAMS, shares, k=LINES // 2) for shares in (EARLY, LATE))
    teams = [team for half in halves for team in half]
    kinds = ("session opened", "session closed", "job done", "disk checked")
    stream.produce(
        [json.dumps({"team": team, "msg": choose.choice(kinds)}).encode() for team in teams], partitions=2
    )
    for share in (0.2, 0.6):
        with stream.worker() as victim:
            stream.wait_until_applied(int(LINES * share))
            victim.kill()
    with stream.worker():
        stream.wait_until_done()
    store = stream.store
    names = {name for name in store.sources() if topic_of(name) == stream.topic} - {stream.topic}
    stats = {name.partition("/")[2]: store.stats(name) for name in names}
    assert sum(found.lines for found in stats.values()) == LINES
    assert {"blue", "red", "late", "-rare"} <= set(stats) <= {*TEAMS, "-rare"}
    assert stats["blue"].lines == teams.count("blue"), "it has its own detector all the time"
    assert (store.stats(stream.topic).lines, store.stats(stream.topic).parse_errors) == (0, 0)
    for name in names:
        lines = store.stats(name).lines
        assert sum(pattern.count for pattern in store.patterns(name)) == lines
        windows = [part for start in store.windows(name) for part in store.window(name, start)]
        assert sum(part.count for part in windows) == lines
    assert stats["blue"].warmups == stats["red"].warmups == {}
    places = [(a.partition, a.offset) for name in names for a in store.anomalies(name, limit=LINES)]
    assert len(places) == len(set(places))


def test_a_quiet_topic_is_not_left_in_its_warm_up(stream_factory):
    """Time ends it with the lines that came, and without another one."""
    stream = stream_factory(DETECTION__WARMUP_SECONDS="3")
    kinds = [f"sshd: session of user{n % 5} opened" for n in range(60)]
    kinds[40] = "sshd: root login from 198.51.100.7 with an unknown key"
    stream.produce([line.encode() for line in kinds])
    with stream.worker():
        stream.wait_until(
            lambda: stream.applied_sum() == 60 and not stream.store.stats(stream.topic).warmups, "the end"
        )
    assert stream.store.stats(stream.topic).warming_up == 0
    assert 40 in [anomaly.offset for anomaly in stream.store.anomalies(stream.topic)]
    assert stream.applied() == {0: 60}
