"""Templates of records: what tells the kind stays, the rest are parameters; order and envelope change nothing."""

import itertools
import json
import time

import pytest

from encoder_core.templates import Match, Templates
from encoder_core.templates.kinds import MOST_NAMES

TEMPLATES = Templates()
CLOUDTRAIL = {
    "eventVersion": "1.09",
    "userIdentity.type": "IAMUser",
    "userIdentity.userName": "ada",
    "eventTime": "2026-11-25T10:00:00Z",
    "eventSource": "s3.amazonaws.com",
    "eventName": "PutObject",
    "sourceIPAddress": "192.0.2.7",
    "requestParameters.bucketName": "acme-reports",
    "eventID": "0e0a4c8e-1111-4222-8333-944445555666",
    "eventType": "AwsApiCall",
}


def match(format: str = "json", message: str | None = None, **columns: str) -> Match:
    return TEMPLATES.of_columns(format, columns, message)


def template(format: str = "json", message: str | None = None, **columns: str) -> str:
    return match(format, message, **columns).template


@pytest.mark.parametrize(
    ("format", "columns", "expected"),
    [
        ("json", CLOUDTRAIL, "eventName=PutObject eventSource=s3.amazonaws.com"),
        (
            "winxml",
            {"Provider": "Acme-Auditing", "EventID": "4625", "Channel": "Security", "TargetUserName": "ada"},
            "EventID=4625 Provider=Acme-Auditing Channel=Security",
        ),
        (
            "json",
            {
                "event.code": "4625",
                "event.provider": "Acme-Auditing",
                "winlog.channel": "Security",
                "winlog.event_data.TargetUserName": "ada",
            },
            "EventID=4625 Provider=Acme-Auditing Channel=Security",
        ),
        (
            "logfmt",
            {"type": "USER_LOGIN", "pid": "7", "msg.op": "login", "msg.acct": "ada", "msg.res": "failed"},
            "op=login type=USER_LOGIN res=failed",
        ),
        ("access", {"method": "GET", "path": "/a/7", "status": "404", "bytes": "7"}, "method=GET status=404"),
        ("w3c", {"cs-method": "GET", "cs-uri-stem": "/a", "sc-status": "404"}, "method=GET status=404"),
        ("access", {"request": "-", "status": "400"}, "access status=400"),
        ("zeek", {"_path": "conn", "proto": "tcp", "conn_state": "S0"}, "_path=conn conn_state=S0"),
        ("vpcflow", {"action": "REJECT", "log-status": "OK"}, "action=REJECT log-status=OK"),
        (
            "cef",
            {"deviceVendor": "Acme", "deviceProduct": "Wall", "signatureId": "100", "name": "worm stopped"},
            "signatureId=100 deviceProduct=Wall deviceVendor=Acme: worm stopped",
        ),
        (
            "json",
            {"kind": "Event", "verb": "get", "objectRef.resource": "pods", "responseStatus.code": "200"},
            "verb=get resource=pods kind=Event status=200",
        ),
        (
            "json",
            {"protoPayload.methodName": "acme.v1.Create", "protoPayload.serviceName": "acme.example.com"},
            "methodName=acme.v1.Create serviceName=acme.example.com",
        ),
        ("json", {"eventType_s": "user.session.start", "outcome.result": "SUCCESS"}, None),
    ],
)
def test_what_tells_the_kind_stays_with_its_name(format, columns, expected):
    expected = expected or "eventType=user.session.start result=SUCCESS"
    assert TEMPLATES.of_columns(format, columns).template == expected


@pytest.mark.parametrize(
    ("expected", "format", "columns"),
    [
        ("f69632bb99ef7f61", "json", CLOUDTRAIL),
        ("13cfec8c82094ada", "logfmt", {"type": "USER_LOGIN", "msg.op": "login", "msg.res": "failed"}),
        ("6fbe6319239eda9d", "access", {"method": "GET", "status": "404"}),
        (
            "b2219b727d0bc45c",
            "json",
            {"event": "connect", "outcome": "failure", "msg": "no route to 192.0.2.7"},
        ),
        ("fa405ece1c2a0d8f", "json", {"user": "ada", "disk": "sda"}),
    ],
)
def test_ids_are_those_of_earlier_versions(expected, format, columns):
    assert TEMPLATES.of_columns(format, columns).id == expected


def test_a_message_is_read_as_free_text_and_is_the_same_template_alone():
    text = "no route to 192.0.2.7 in 12 ms"
    assert match(msg=text, level="warn", shard="7").template == TEMPLATES.of_text(text).template
    assert match(msg=text).id == TEMPLATES.of_text(text).id
    with_kind = match(event="connect", outcome="failure", msg=text)
    assert with_kind.template == f"event=connect outcome=failure: {TEMPLATES.of_text(text).template}"


def test_parameters_are_those_of_the_text_then_the_columns_by_name():
    found = match(msg="no route to 192.0.2.7", user="ada", client="192.0.2.9", size="77", empty="", none="-")
    assert [(p.slot, p.value) for p in found.parameters] == [
        ("0", "192.0.2.7"),
        ("client", "192.0.2.9"),
        ("size", "77"),
        ("user", "ada"),
    ]
    assert [p.type for p in found.parameters[1:]] == ["ip", "num", "*"]


def test_an_error_is_read_beside_the_message():
    found = match(msg="request failed", error="dial tcp 192.0.2.7:443: connection refused")
    assert found.template.startswith("request failed: dial tcp")
    assert found.parameters[0].slot == "error 0"
    coded = template(eventName="Get", errorCode="AccessDenied", errorMessage="ada may not get it")
    assert coded == "eventName=Get errorCode=AccessDenied"


def test_a_single_word_is_an_event_and_a_sentence_a_message():
    assert template(event="login") == "event=login"
    assert template(event="user logged in") == "user logged in"
    assert template(message="login", event="login") == "event=login"


@pytest.mark.parametrize(
    "value",
    [
        *(
            "0e0a4c8e-1111-4222-8333-944445555666",
            "7",
            "/home/ada",
            "a7f3b29c",
            "ada@example.com",
            "x" * 65,
            "",
        ),
        *("https://example.com/a", "-", "null", "one two three four five six seven", "GET /users/ada"),
    ],
)
def test_what_does_not_look_like_the_name_of_a_kind_is_none(value):
    found = match(action=value, user="ada")
    assert found.template == "action user"


def test_a_record_without_kind_and_text_is_known_by_its_names():
    assert template(user="ada", disk="sda") == "disk user"
    assert template(user="bob", disk="sdb") == "disk user"
    assert template(status="ok", disk="sda") == "disk status status=ok"
    assert TEMPLATES.of_columns("json", {"a.b": "x", "a.c": "y", "2026-11-25": "z"}).template == "a"


def test_level_and_time_are_no_part_of_it_and_no_parameters():
    plain = match(user="ada")
    assert match(user="ada", level="error", time="12:00", severity="err") == plain


def test_optional_columns_do_not_split_a_kind():
    more = CLOUDTRAIL | {"readOnly": "true", "vpcEndpointId": "vpce-7", "resources.type": "AWS::S3::Object"}
    assert TEMPLATES.of_columns("json", more).id == TEMPLATES.of_columns("json", CLOUDTRAIL).id


def test_the_order_of_columns_does_not_matter():
    columns = {
        "op": "login",
        "type": "A_B",
        "res": "failed",
        "msg": "no 7",
        "user": "ada",
        "reason": "no password",
    }
    found = {TEMPLATES.of_columns("logfmt", dict(pairs)) for pairs in itertools.permutations(columns.items())}
    assert len(found) == 1


def test_what_was_read_before_does_not_matter():
    columns = [
        {"action": f"a{'b' * number}", "msg": f"was {number}", f"c{number}": "x"} for number in range(300)
    ]
    fresh = [Templates().of_columns("json", one, one["msg"]) for one in columns]
    used = Templates()
    for one in reversed(columns):
        used.of_columns("json", one)
    assert [used.of_columns("json", one, one["msg"]) for one in columns] == fresh


def test_a_coded_event_needs_the_first_clause_of_its_message_only():
    found = match(
        EventID="800",
        Provider="Acme Shell",
        Channel="Shell",
        user="ada",
        Message="Details of command: rm -r x\nmore",
    )
    assert found.template == "EventID=800 Provider=Acme Shell Channel=Shell: Details of command"
    assert match(message="Details of command: rm -r x\nmore").template == "Details of command: rm -r x"


def test_a_kind_is_bounded_whatever_the_record_holds():
    names = {f"n{'x' * number}": "y" for number in range(100)}
    assert len(template(**names).split()) == MOST_NAMES
    hostile = dict.fromkeys(("event", "action", "type", "status"), "a" * 10_000) | {"msg": "b " * 100_000}
    assert len(template(**hostile)) < 5_000


def test_hostile_records_take_time_by_their_size_only():
    columns = {f"a.{'b.' * 200}{number}": "," * 10_000 + "x" for number in range(200)} | {
        "status": "a," * 100_000
    }
    TEMPLATES.of_columns("json", columns)
    began = time.perf_counter()
    size = len(json.dumps(columns))
    json.loads(json.dumps(columns))
    cheap = time.perf_counter() - began
    began = time.perf_counter()
    TEMPLATES.of_columns("json", columns)
    assert time.perf_counter() - began < max(100 * cheap, 1e-6 * size)
