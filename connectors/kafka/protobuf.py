"""Protobuf payloads of Confluent's wire format; needs the extra ``registry``."""

from __future__ import annotations

import base64
import importlib
import re
from collections.abc import Callable
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto

MAX_FILES = 100
"""Files that one schema needs."""
MAX_NESTED = 32
_WELL_KNOWN = re.compile(r"google/(protobuf|type)/[a-z_]+\.proto")
_CONFLUENT = re.compile(r"confluent/(?:types?/)?[a-z_]+\.proto")


def decoder(schema: Any, referenced: Callable[[Any], Any]) -> Callable[[bytes], dict[str, Any]]:
    """What reads the payloads of a schema. schema: of the registry's client, a serialized file descriptor."""
    pool = descriptor_pool.DescriptorPool()
    main = _add(pool, "main.proto", schema, referenced, set())
    classes: dict[tuple[int, ...], Any] = {}

    def decode(payload: bytes) -> dict[str, Any]:
        path, start = _path(payload)
        kind = classes.get(path)
        if kind is None:
            kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(_message(main, path)))
            classes[path] = kind
        message = kind()
        message.ParseFromString(payload[start:])
        return json_format.MessageToDict(message, preserving_proto_field_name=True, descriptor_pool=pool)

    return decode


def _add(
    pool: Any, name: str, schema: Any, referenced: Callable[[Any], Any], seen: set[str]
) -> FileDescriptorProto:
    """Adds a schema's file to the pool, after those that it imports."""
    if len(seen) >= MAX_FILES:
        raise ValueError(f"it imports more than {MAX_FILES} files")
    seen.add(name)
    file = FileDescriptorProto.FromString(base64.b64decode(schema.schema_str))
    file.name = name
    for other in schema.references or ():
        if other.name not in seen:
            _add(pool, other.name, referenced(other), referenced, seen)
    for dependency in file.dependency:
        if dependency not in seen:
            _add_known(pool, dependency, seen)
    pool.Add(file)
    return file


def _add_known(pool: Any, name: str, seen: set[str]) -> None:
    """Adds one of the files that come with protobuf and the registry's client."""
    module = name.removesuffix(".proto").replace("/", ".") + "_pb2"
    if _CONFLUENT.fullmatch(name):
        module = f"confluent_kafka.schema_registry.{module}"
    elif not _WELL_KNOWN.fullmatch(name):
        raise ValueError(f"it imports {name}, to which it has no reference")
    seen.add(name)
    known = importlib.import_module(module).DESCRIPTOR
    for inner in known.dependencies:
        if inner.name not in seen:
            _add_known(pool, inner.name, seen)
    file = FileDescriptorProto()
    known.CopyToProto(file)
    file.name = name
    pool.Add(file)


def _path(payload: bytes) -> tuple[tuple[int, ...], int]:
    """Which message of the file it is, by its place and those inside it, and where its bytes begin."""
    count, at = _varint(payload, 0)
    if not count:
        return (0,), at
    if not 0 < count <= MAX_NESTED:
        raise ValueError(f"a message index of {count} parts")
    path = []
    for _ in range(count):
        index, at = _varint(payload, at)
        path.append(index)
    return tuple(path), at


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """A signed number in Protobuf's zigzag form, and where it ends."""
    number = shift = 0
    for byte in payload[at : at + 5]:
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
    raise ValueError("it ends within its message index")


def _message(file: FileDescriptorProto, path: tuple[int, ...]) -> str:
    """The full name of the message at a path."""
    names = [file.package] if file.package else []
    within: Any = file.message_type
    for index in path:
        if not 0 <= index < len(within):
            raise ValueError(f"the schema has no message {list(path)}")
        names.append(within[index].name)
        within = within[index].nested_type
    return ".".join(names)
