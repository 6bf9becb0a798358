"""The manifest of a stage: what it read and made, with the sha256 of every file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from encoder_core.bundle import sha256_of

MANIFEST = "manifest.json"


class StageError(ValueError):
    """A stage can't be made of what is there; the message is one line that names the file or setting."""


class FileRecord(BaseModel):
    """What identifies a file's content; the time spares hashing a file that was not touched."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, known: FileRecord | None = None) -> FileRecord:
        """The record of a file, taken from ``known`` when size and time are still its."""
        stat = path.stat()
        if known is not None and (known.bytes, known.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            return known
        return cls(sha256=sha256_of(path), bytes=stat.st_size, mtime_ns=stat.st_mtime_ns)


class Recipe(BaseModel):
    """What decides a stage's outputs: settings, and input files by path, relative to the folder where near it."""

    model_config = ConfigDict(frozen=True)

    settings: dict[str, Any]
    inputs: dict[str, FileRecord]

    def differences(self, other: Recipe) -> list[str]:
        """What ``other`` has otherwise, each as a few words."""
        before, after = flat(self.settings), flat(other.settings)
        names = sorted(name for name in before | after if before.get(name) != after.get(name))
        found = [f"{name} was {before.get(name)}, is {after.get(name)}" for name in names]
        inputs = sorted(self.inputs.keys() | other.inputs.keys())
        return found + [f"{name} changed" for name in inputs if self._hash(name) != other._hash(name)]

    def _hash(self, name: str) -> str | None:
        return self.inputs[name].sha256 if name in self.inputs else None


class Started(Recipe):
    """``started.json`` of an unfinished stage. seconds: of earlier attempts; began: when this one did."""

    seconds: float
    began: float


class Manifest(Recipe):
    """``manifest.json``: what a finished stage read and made. seconds: of all attempts together."""

    stage: str
    outputs: dict[str, FileRecord]
    counts: dict[str, Any]
    seconds: float


def flat(settings: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name."""
    names: dict[str, Any] = {}
    for name, value in settings.items():
        tables = isinstance(value, list) and value and isinstance(value[0], dict)
        inner = dict(enumerate(value)) if tables else value
        names |= flat(inner, f"{prefix}{name}.") if isinstance(inner, dict) else {f"{prefix}{name}": inner}
    return names


def make_recipe(
    folder: Path, settings: dict[str, Any], inputs: Sequence[Path], *earlier: Recipe | None
) -> Recipe:
    """A stage's recipe now; a file with the size and time that an earlier recipe has is not hashed again."""
    known: dict[str, FileRecord] = {}
    for recipe in earlier:
        known |= recipe.inputs if recipe else {}
    names = {name_of(path, folder): path for path in inputs}
    records = {name: FileRecord.of(path, known.get(name)) for name, path in names.items()}
    return Recipe(settings=settings, inputs=records)


def name_of(path: Path, folder: Path) -> str:
    """A path relative to ``folder`` when it lies beside it, so that a work folder can be moved; else absolute."""
    path, near = path.absolute(), folder.parent.absolute()
    return os.path.relpath(path, folder.absolute()) if path.is_relative_to(near) else str(path)


def verify_inputs(inputs: Sequence[Path], stage: Path) -> None:
    """Hashes the inputs that ``stage`` made. Raises StageError for one that is not what that stage wrote."""
    names = [path.relative_to(stage).as_posix() for path in inputs if path.is_relative_to(stage)]
    verify_files(stage, names, read_manifest(stage), trust=False)


def verify_files(folder: Path, names: Sequence[str], manifest: Manifest, *, trust: bool = True) -> None:
    """Compares files with their stage's manifest; ``trust`` takes an equal size and time for an equal content."""
    for name in names:
        path, expected = folder / name, manifest.outputs.get(name)
        if expected is None:
            raise StageError(f"{path}: is not listed in {MANIFEST}; remove {folder} to make it again")
        if not path.is_file():
            raise StageError(f"{path}: is missing; remove {folder} to make it again")
        found = FileRecord.of(path, expected if trust else None)
        if found.sha256 != expected.sha256:
            raise StageError(
                f"{path}: sha256 is {found.sha256}, {MANIFEST} says {expected.sha256}; "
                f"remove {folder} to make it again"
            )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a finished stage. Raises StageError."""
    return read_json(folder / MANIFEST, Manifest)


def read_json(path: Path, model: type[Any]) -> Any:
    """A file that ``write_json`` wrote. Raises StageError."""
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StageError(f"{path}: can't be read: {error.strerror}") from error
    except ValidationError as error:
        raise StageError(f"{path}: is damaged; remove {path.parent} to make it again") from error


def write_json(path: Path, model: BaseModel) -> None:
    """Replaces ``path`` whole, once the bytes are on the disk."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w") as stream:
        stream.write(model.model_dump_json(indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
