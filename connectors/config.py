"""Settings from a file and from dotted names, for any closed pydantic model whose fields are tables of settings.

An unknown name is an error that names the nearest known one; no error quotes a value, which may be a secret.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

Model = TypeVar("Model", bound=BaseModel)


class SettingsError(ValueError):
    """A setting is unknown or has a wrong value; the message is one line that names it."""


def read_config(path: Path) -> dict[str, Any]:
    """The settings file's tables: YAML or JSON when its name ends so, else TOML. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".yaml", ".yml"):
            values = yaml.safe_load(text)
        else:
            values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from error
    except yaml.YAMLError as error:  # its text quotes the file, which may hold a secret
        mark = getattr(error, "problem_mark", None)
        place = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise SettingsError(f"{path}: is not YAML{place}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: expected tables of settings, got {type(values).__name__}")
    return values


def validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    """``model`` made from ``values``. Raises SettingsError."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingsError(describe(model, error)) from error


def assign(model: type[BaseModel], values: dict[str, Any], dotted: str, value: Any, *, origin: str) -> None:
    """Puts ``value`` where ``section.name`` says; text for a list setting is split at commas."""
    section, _, name = dotted.partition(".")
    fields = section_fields(model, section) if section in model.model_fields else {}
    if name not in fields or is_list(model, section):
        raise SettingsError(unknown(model, origin, dotted))
    if isinstance(value, str) and str(fields[name].annotation).startswith(("list", "tuple")):
        value = [item.strip() for item in value.split(",") if item.strip()]
    table = values.setdefault(section, {})
    if not isinstance(table, dict):
        raise SettingsError(f"{section}: expected a table of settings, got {type(table).__name__}")
    table[name] = value


def merged(lower: Mapping[str, Any], higher: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of two layers of settings as one; the higher one's settings win. Raises SettingsError."""
    values = dict(lower)
    for section, table in higher.items():
        below = values.get(section, {})
        if isinstance(table, dict) and not isinstance(below, dict):
            raise SettingsError(f"{section}: expected a table of settings, got {type(below).__name__}")
        values[section] = {**below, **table} if isinstance(table, dict) else table
    return values


def is_list(model: type[BaseModel], section: str) -> bool:
    """Whether a section is a list of tables, such as ``[[corpus]]``."""
    return str(model.model_fields[section].annotation).startswith("list")


def section_fields(model: type[BaseModel], section: str) -> dict[str, Any]:
    """The fields of a section, or of each table of a section that is a list, by name; none for a plain setting."""
    annotation = model.model_fields[section].annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return dict(kind.model_fields)
    return {}


def known_names(model: type[BaseModel]) -> list[str]:
    """Every setting's dotted name."""
    return [
        f"{section}.{name}" if name else section
        for section in model.model_fields
        for name in section_fields(model, section) or [""]
    ]


def unknown(model: type[BaseModel], origin: str, dotted: str) -> str:
    """The message for a setting that does not exist."""
    near = difflib.get_close_matches(dotted, [*known_names(model), *model.model_fields], n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unknown setting {origin}{hint}"


def describe(model: type[BaseModel], error: ValidationError, below: str = "") -> str:
    """The first of pydantic's errors as one line that names the setting, without its value.

    below: dotted name of the table that ``model`` is.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    dotted = ".".join(str(part) for part in (*([below] if below else []), *first["loc"]))
    if first["type"] == "extra_forbidden":
        return unknown(model, dotted, ".".join(part for part in first["loc"] if isinstance(part, str)))
    message = first["msg"].removeprefix("Value error, ")
    return (
        f"{dotted}: {message}" if dotted and not message.startswith(f"{dotted.split('.')[0]}.") else message
    )
