from __future__ import annotations

from dataclasses import replace

from connectors.alerts import Alert, folded
from stream_processors.alerts.incidents import incidents
from tests.connectors.steps import NOW
from tests.connectors.test_alerts import change, line


def alert(pattern: str, *entities: str, at: float = NOW) -> Alert:
    one = replace(line(int(at - NOW), pattern=pattern, at=at), entities=entities)
    return folded(None, change(one), at, at)[0]


def grouped(*alerts: Alert, **options) -> list[tuple[str, list[str]]]:
    return [(one.entity, [a.pattern for a in one.alerts]) for one in incidents(alerts, **options)]


def test_alerts_of_one_address_close_in_time_are_one_incident():
    found = grouped(
        alert("scan", "ip=192.0.2.7", "host=web-1"),
        alert("login", "ip=192.0.2.7", "user=ada", at=NOW + 600),
        alert("other", "ip=192.0.2.8", at=NOW + 700),
        alert("later", "ip=192.0.2.7", at=NOW + 9_000),
    )
    assert found == [
        ("ip=192.0.2.7", ["later"]),
        ("ip=192.0.2.8", ["other"]),
        ("ip=192.0.2.7", ["scan", "login"]),
    ]


def test_what_the_user_named_puts_together_before_all_else():
    found = grouped(
        alert("a", "session=s1", "ip=192.0.2.7"),
        alert("b", "ip=192.0.2.7"),
        alert("c", "ip=192.0.2.7", at=NOW + 1),
        alert("d", "session=s1", at=NOW + 2),
    )
    assert [entity for entity, _ in found] == ["session=s1", "ip=192.0.2.7"]


def test_a_user_puts_together_what_no_address_does_and_a_host_what_is_left():
    found = grouped(
        alert("a", "user=ada", "host=web-1"),
        alert("b", "user=ada", "host=web-2", at=NOW + 1),
        alert("c", "user=bob", "host=web-1", at=NOW + 2),
        alert("d", "host=web-1", at=NOW + 3),
        alert("e", at=NOW + 4),
    )
    assert found == [("", ["e"]), ("host=web-1", ["c", "d"]), ("user=ada", ["a", "b"])]


def test_a_busy_host_does_not_hide_who_did_it():
    many = [alert(f"h{n}", "host=web-1", at=NOW + n) for n in range(20)]
    attack = [alert(f"x{n}", "ip=192.0.2.7", "host=web-1", at=NOW + n) for n in range(3)]
    assert ("ip=192.0.2.7", ["x0", "x1", "x2"]) in grouped(*many, *attack)


def test_every_alert_is_in_one_incident_and_the_gap_is_the_users():
    alerts = [alert(f"p{n}", f"ip=192.0.2.{n % 3}", f"host=h{n % 5}", at=NOW + 1_000 * n) for n in range(40)]
    for gap in (10.0, 2_000.0, 1e9):
        members = [name for _, names in grouped(*alerts, gap=gap) for name in names]
        assert sorted(members) == sorted(a.pattern for a in alerts)
    assert len(grouped(*alerts, gap=1e9)) == 3
    (one,) = incidents(alerts[:1])
    assert (one.id, one.lines, one.kinds) == ("p0.1", 1, ("new",))
