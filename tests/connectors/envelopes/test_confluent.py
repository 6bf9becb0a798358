"""Confluent's wire format through a real registry client and a small registry of our own over HTTP."""

import base64
import io
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fastavro
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.timestamp_pb2 import Timestamp

from connectors.envelopes import Reader
from connectors.envelopes.envelope import RegistryUnreachable, Undecodable
from connectors.kafka.schemas import SchemaRegistry
from connectors.kafka.settings import KafkaSettings

LOG = {
    "type": "record",
    "name": "Log",
    "fields": [
        {"name": "message", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "raw", "type": ["null", "bytes"], "default": None},
    ],
}
HOST = {"type": "record", "name": "Host", "namespace": "acme", "fields": [{"name": "name", "type": "string"}]}
ON_HOST = {
    "type": "record",
    "name": "OnHost",
    "fields": [{"name": "host", "type": "acme.Host"}, {"name": "text", "type": "string"}],
}
CAUSE = {
    "type": "record",
    "name": "Cause",
    "fields": [{"name": "what", "type": "string"}, {"name": "by", "type": ["null", "Cause"]}],
}
NOTHINGS = {"type": "array", "items": {"type": "record", "name": "Nothing", "fields": []}}


class Registry:
    """Answers ``GET /schemas/ids/N`` and ``/subjects/S/versions/N``."""

    def __init__(self):
        self.ids, self.versions = {}, {}
        self.asked, self.status = [], 200
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                registry.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        path, _, query = request.path.partition("?")
        self.asked.append((path, request.headers.get("Authorization")))
        parts = path.strip("/").split("/")
        found = None
        if parts[:2] == ["schemas", "ids"]:
            found = self.ids.get(int(parts[2]))
        elif parts[0] == "subjects":
            found = self.versions.get((parts[1], int(parts[3])))
        status = self.status if self.status != 200 else 200 if found else 404
        answer = {"error_code": 40403, "message": "Schema not found"}
        if status == 200:
            texts = found["texts"]
            answer = {
                **found,
                "schema": texts.get("serialized" if "format=serialized" in query else "", texts[""]),
            }
            del answer["texts"]
        held = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        request.send_header("Content-Length", str(len(held)))
        request.end_headers()
        request.wfile.write(held)

    def add(self, number, schema, kind="AVRO", references=(), serialized=None):
        text = schema if isinstance(schema, str) else json.dumps(schema)
        found = {"id": number, "version": 1, "subject": f"s{number}", "texts": {"": text}}
        if serialized is not None:
            found["texts"]["serialized"] = base64.b64encode(serialized.SerializeToString()).decode()
        if kind != "AVRO":  # the registry leaves it out for Avro
            found["schemaType"] = kind
        if references:
            found["references"] = [{"name": name, "subject": f"s{n}", "version": 1} for name, n in references]
        self.ids[number] = self.versions[f"s{number}", 1] = found


@pytest.fixture
def registry():
    registry = Registry()
    yield registry
    registry.server.shutdown()
    registry.server.server_close()


@pytest.fixture
def reader(registry):
    return Reader(schemas=SchemaRegistry(KafkaSettings(schema_registry_url=registry.url)))


def wire(number, payload):
    return b"\x00" + struct.pack(">I", number) + payload


def avro(schema, value, named=None):
    held = io.BytesIO()
    fastavro.schemaless_writer(held, fastavro.parse_schema(schema, named_schemas=named or {}), value)
    return held.getvalue()


def test_without_a_registry_it_is_a_dead_letter_that_names_the_setting():
    with pytest.raises(
        Undecodable, match=r"Confluent wire format with schema 7; set kafka\.schema_registry_url"
    ):
        Reader().read(wire(7, b"\x06abc"))


@pytest.mark.parametrize("value", [b"\x00ordinary text", bytes(5) + b"zero", "GET /".encode("utf-16-be")])
def test_what_has_no_schemas_id_is_none(value):
    assert len(Reader().read(value)) == 1


def test_avro_is_an_object_and_its_schema_is_asked_for_once(registry, reader):
    registry.add(7, LOG)
    for n in range(3):
        payload = avro(LOG, {"message": f"disk {n} full", "at": 1764064800000, "raw": b"caf\xc3\xa9"})
        (record,) = reader.read(wire(7, payload))
        assert record.fields == {
            "message": f"disk {n} full",
            "at": "2025-11-25T10:00:00+00:00",
            "raw": "café",
        }
        assert (record.envelope, record.shipper) == ("confluent", {"confluent": {"schema.id": 7}})
    assert len(registry.asked) == 1


def test_avro_text_is_a_line_and_references_are_followed(registry, reader):
    registry.add(1, '"string"')
    (record,) = reader.read(wire(1, avro("string", "<38>Nov 25 10:00:00 web1 sshd[812]: opened")))
    assert record.text == "sshd: opened"
    registry.add(2, HOST)
    registry.add(3, ON_HOST, references=[("acme.Host", 2)])
    named = {}
    fastavro.parse_schema(HOST, named_schemas=named)
    (record,) = reader.read(wire(3, avro(ON_HOST, {"host": {"name": "web1"}, "text": "up"}, named)))
    assert record.fields == {"host.name": "web1", "text": "up"}


def test_schemas_that_hold_themselves_are_read_to_a_bounded_depth(registry, reader):
    registry.add(4, CAUSE)
    value = {"what": "a", "by": {"what": "b", "by": None}}
    (record,) = reader.read(wire(4, avro(CAUSE, value)))
    assert record.fields["by.what"] == "b"
    with pytest.raises(Undecodable, match="payload is not of schema 4"):
        reader.read(wire(4, b"\x02a\x02" * 300_000))


def test_an_array_of_nothing_is_refused_since_its_length_is_free(registry, reader):
    for number, schema in ((5, NOTHINGS), (6, {"type": "array", "items": "null"})):
        registry.add(number, schema)
        with pytest.raises(Undecodable, match="items without bytes"):
            reader.read(wire(number, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x00"))


def test_json_schema_is_json(registry, reader):
    registry.add(8, {"type": "object"}, kind="JSON")
    (record,) = reader.read(wire(8, b'{"log":"ready\\n","stream":"stdout","time":"2025-11-25T10:00:00Z"}'))
    assert (record.text, record.envelope) == ("ready", "confluent/docker")


def field(name, number, kind, **others):
    label = FieldDescriptorProto.LABEL_OPTIONAL
    return FieldDescriptorProto(name=name, number=number, type=kind, label=label, json_name=name, **others)


def proto_files():
    """A file with two messages, one nested and with a time, and the file that it imports."""
    kinds = FieldDescriptorProto
    level = DescriptorProto(name="Level", field=[field("word", 1, kinds.TYPE_STRING)])
    other = FileDescriptorProto(name="level.proto", package="acme", syntax="proto3", message_type=[level])
    inner = DescriptorProto(
        name="Inner",
        field=[
            field("log_text", 1, kinds.TYPE_STRING),
            field("at", 2, kinds.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp"),
            field("level", 3, kinds.TYPE_MESSAGE, type_name=".acme.Level"),
        ],
    )
    first = DescriptorProto(name="First", field=[field("text", 1, kinds.TYPE_STRING)])
    second = DescriptorProto(name="Second", nested_type=[inner])
    main = FileDescriptorProto(
        package="acme",
        syntax="proto3",
        dependency=["google/protobuf/timestamp.proto", "level.proto"],
        message_type=[first, second],
    )
    return main, other


def test_protobuf_is_the_message_that_its_index_says(registry, reader):
    main, other = proto_files()
    registry.add(20, "message Level {}", "PROTOBUF", serialized=other)
    registry.add(21, "message First {}", "PROTOBUF", [("level.proto", 20)], serialized=main)
    (record,) = reader.read(wire(21, b"\x00" + b"\x0a\x05ready"))
    assert record.fields == {"text": "ready"}
    stamp = Timestamp(seconds=1764064800).SerializeToString()
    inner = b"\x0a\x02up\x12" + bytes([len(stamp)]) + stamp + b"\x1a\x06\x0a\x04WARN"
    (record,) = reader.read(wire(21, b"\x04\x02\x00" + inner))
    assert record.fields == {"log_text": "up", "at": "2025-11-25T10:00:00Z", "level.word": "WARN"}
    for payload in (b"", b"\x02\x0a", b"\x04\x02\x02", b"\x02\x09\x00", b"\xff" * 9, b"\x00\x0a\x05rea"):
        with pytest.raises(Undecodable, match="payload is not of schema 21"):
            reader.read(wire(21, payload))


def test_protobuf_that_imports_what_it_does_not_refer_to_is_undecodable(registry, reader):
    main, _ = proto_files()
    main.dependency[1] = "os.proto"
    registry.add(22, "message First {}", "PROTOBUF", serialized=main)
    with pytest.raises(Undecodable, match=r"schema 22 can't be used: it imports os\.proto"):
        reader.read(wire(22, b"\x00"))


def test_a_payload_that_does_not_fit_is_undecodable_and_an_unknown_id_is_asked_for_once(registry, reader):
    registry.add(7, LOG)
    whole = avro(LOG, {"message": "x", "at": 1764064800000, "raw": None})
    for payload in (b"", whole[:-1], whole + b"\x00", b"\xff" * 20):
        with pytest.raises(Undecodable, match="payload is not of schema 7"):
            reader.read(wire(7, payload))
    for _ in range(3):
        with pytest.raises(Undecodable, match="the registry has no schema 99"):
            reader.read(wire(99, whole))
    assert [path for path, _ in registry.asked] == ["/schemas/ids/7", "/schemas/ids/99"]


def test_a_registry_that_fails_is_not_the_messages_fault_and_is_asked_again(registry, reader):
    registry.add(7, LOG)
    value = wire(7, avro(LOG, {"message": "x", "at": 1764064800000, "raw": None}))
    for status, hint in (
        (500, "HTTP status 500"),
        (429, "429"),
        (401, "check kafka.schema_registry_username"),
    ):
        registry.status = status
        with pytest.raises(RegistryUnreachable, match=r"setting kafka\.schema_registry_url") as failure:
            reader.read(value)
        assert hint in str(failure.value)
    registry.status = 200
    assert reader.read(value)[0].fields["message"] == "x"


def test_a_registry_that_is_down_is_not_the_messages_fault(registry):
    registry.server.shutdown()
    registry.server.server_close()
    reader = Reader(schemas=SchemaRegistry(KafkaSettings(schema_registry_url=registry.url)))
    with pytest.raises(RegistryUnreachable) as failure:
        reader.read(wire(7, b"x"))
    assert registry.url in str(failure.value)
    assert len(str(failure.value).splitlines()) == 1


def test_the_login_reaches_the_registry_and_no_message_shows_it(registry):
    registry.add(8, {"type": "object"}, kind="JSON")
    settings = KafkaSettings(
        schema_registry_url=registry.url,
        schema_registry_username="reader",
        schema_registry_password="hunter2",
    )
    assert "hunter2" not in repr(settings) + settings.model_dump_json()
    reader = Reader(schemas=SchemaRegistry(settings))
    reader.read(wire(8, b'{"a":1}'))
    assert registry.asked[0][1] == "Basic " + base64.b64encode(b"reader:hunter2").decode()
    registry.status = 403
    with pytest.raises(RegistryUnreachable) as failure:
        reader.read(wire(9, b""))
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schema_registry_username": "u"}, "has no effect without kafka.schema_registry_url"),
        ({"schema_registry_url": "http://r:1", "schema_registry_username": "u"}, "need each other"),
        ({"schema_registry_url": "http://u:hunter2@r:1"}, "belong into kafka.schema_registry_username"),
        ({"schema_registry_url": "registry:8081"}, "expected http://host:port"),
        ({"schema_registry_url": "http://r:1,ftp://r"}, "expected http://host:port"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values, message):
    with pytest.raises(ValueError, match="schema_registry") as failure:
        KafkaSettings(**values)
    assert message in str(failure.value)
    assert "hunter2" not in str(failure.value)


def test_a_missing_file_of_authorities_is_named(tmp_path):
    settings = KafkaSettings(schema_registry_url="https://r:1", schema_registry_cafile=tmp_path / "no.pem")
    with pytest.raises(ValueError, match=r"kafka\.schema_registry_cafile: no such file"):
        SchemaRegistry(settings)
