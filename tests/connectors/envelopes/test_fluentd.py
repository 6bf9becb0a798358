import pytest

from connectors.formats import parse
from connectors.records import CONTAINER, HOST, NAMESPACE, PID, SERVICE
from tests.connectors.envelopes.messages import is_plain, read_one

LINE = "Nov 25 09:59:59 web-1 sshd[812]: Accepted publickey for bo from 192.0.2.7 port 50022 ssh2"
POD = {
    "container_name": "cart",
    "namespace_name": "shop",
    "pod_name": "cart-7d9f-x2",
    "container_image": "registry.example.com/cart:1.4",
    "pod_id": "u",
    "host": "node-3",
    "labels": {"k8s-app": "cart-api"},
    "master_url": "https://192.0.2.1/api",
}


def event(log=LINE + "\n", **others):
    return {"log": log, "stream": "stdout", "docker": {"container_id": "c0ffee"}, "kubernetes": POD, **others}


def test_a_containers_line_is_read_as_if_it_had_come_alone():
    record = read_one(event())
    assert record.envelope == "fluentd"
    assert record.text == parse(LINE.encode()).text
    where = {NAMESPACE: "shop", CONTAINER: "cart", HOST: "node-3", SERVICE: "cart-api"}
    assert record.fields == {**where, **parse(LINE.encode()).fields}


def test_there_is_no_time_unless_one_is_injected():
    assert read_one(event("up\n")).time is None
    assert read_one(event("up\n", time=1795600800.25, tag="kube")).time == 1_795_600_800.25
    assert read_one(event("up\n", time="2026-11-25T10:00:00.250Z")).time == 1_795_600_800.25


def test_metadata_without_docker():
    message = event()
    del message["docker"]
    assert read_one(message).envelope == "fluentd"


def test_a_container_without_kubernetes():
    message = event("up\n")
    del message["kubernetes"]
    record = read_one(message)
    assert (record.envelope, record.text, record.fields) == ("fluentd", "up", {})


def test_a_syslog_line_that_an_input_took_apart_equals_the_whole_one():
    record = read_one({"host": "db-2", "ident": "sshd", "pid": "812", "message": "Failed password for bo"})
    assert record.envelope == "fluentd"
    assert record.text == "sshd: Failed password for bo"
    assert record.fields == {HOST: "db-2", SERVICE: "sshd", PID: "812"}


@pytest.mark.parametrize(
    "lookalike",
    [
        {"log": "x", "docker": "yes"},
        {"log": "x", "docker": {"image": "a"}},
        {"log": "x", "docker": {"container_id": "c"}, "user": "bo"},
        {"message": "x", "kubernetes": {"version": "1.31"}},
        {"message": "x", "host": "db-2"},
        {"message": "x", "host": "db-2", "ident": "a", "user": "bo"},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)
