"""What is wrong with a document that a sink got, by what was published of its format."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.connectors.sinks.ecs_fields import FIELDS


def ocsf_errors(finding: dict) -> list[tuple[str, str]]:
    """Where a document is not a detection finding of OCSF 1.8, and why."""
    schemas = pytest.importorskip("ocsf_json_schema")
    jsonschema = pytest.importorskip("jsonschema")
    schema = schemas.OcsfJsonSchemaEmbedded(schemas.get_ocsf_schema("1.8.0"))
    checked = jsonschema.Draft202012Validator(schema.get_class_schema("detection_finding"))
    return [(error.json_path, error.message) for error in checked.iter_errors(finding)]


def ecs_errors(event: dict) -> list[str]:
    """Fields of a document that are not in ECS 9, or have no such value; our own set, ``secencoder``, is left out."""
    rest = {name: value for name, value in event.items() if name != "secencoder"}
    return [name for name, value in leaves(rest) if not stated(name, value)]


def stated(name: str, value: object) -> bool:
    """Whether a field is one of ECS and has a value of its type."""
    kind, _, allowed = FIELDS.get("labels.*" if name.startswith("labels.") else name, "none").partition(": ")
    if isinstance(value, list) != kind.endswith("[]"):
        return False
    values = value if isinstance(value, list) else [value]
    return all(fits(one, kind.removesuffix("[]"), allowed.split()) for one in values)


def leaves(document: dict, name: str = "") -> Iterator[tuple[str, object]]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{name}{key}.")
        else:
            yield f"{name}{key}", value


def fits(value: object, kind: str, allowed: list[str]) -> bool:
    try:
        if kind == "date":
            return datetime.fromisoformat(str(value).replace("Z", "+00:00")).tzinfo is not None
        if kind == "ip":
            return bool(ipaddress.ip_address(str(value)))
    except ValueError:
        return False
    if kind in ("long", "float"):
        return isinstance(value, int if kind == "long" else float)
    return kind != "none" and isinstance(value, str) and (not allowed or value in allowed)
