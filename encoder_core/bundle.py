"""The model bundle: a folder of open formats whose manifest holds the sha256 of every file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
ARCHITECTURES = ("deberta-v2", "secencoder-static")
"""What a bundle can hold: an encoder, or the static student of one; both run as the same kind of graph."""
MANIFEST = "manifest.json"
ONNX_FILES = ("onnx/model_qint8.onnx", "onnx/model.onnx")
"""The graphs a worker can run, preferred first."""
REQUIRED = ("config.json", "tokenizer.json")
IDENTITY_DIGITS = 12
"""Hex digits of the bundle's hash in its identity."""


class BundleError(ValueError):
    """A bundle can't be used; the message is one line that names the file."""


def default_bundle_path() -> Path:
    """The pretrained bundle that ships inside the package."""
    return Path(__file__).parent / "bundles" / "tiny"


def static_bundle_path() -> Path:
    """The bundle of its static student, which ships beside it."""
    return default_bundle_path().with_name("static")


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file, or BundleError."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise BundleError(f"{path}: can't be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BundleError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def write_manifest(folder: Path, record: dict[str, Any]) -> Path:
    """Hashes every file of ``folder`` and writes ``manifest.json`` with ``record``'s entries in front."""
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({"format": FORMAT, **record, "files": files}, indent=2) + "\n")
    return manifest


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every file matched its manifest when it was loaded."""

    path: Path
    manifest: dict[str, Any]
    config: dict[str, Any]

    @classmethod
    def load(cls, path: Path | str) -> Bundle:
        """Reads and verifies a bundle. Raises BundleError on a missing, altered or foreign file."""
        folder = Path(path)
        if not folder.is_dir():
            raise BundleError(f"{folder}: no such model bundle (a folder with {MANIFEST} is expected)")
        manifest = read_json(folder / MANIFEST)
        if manifest.get("format") != FORMAT:
            raise BundleError(
                f"{folder / MANIFEST}: bundle format {manifest.get('format')!r} is not the supported {FORMAT}"
            )
        verify_files(folder, manifest)
        config = read_json(folder / "config.json")
        if config.get("model_type") not in ARCHITECTURES:
            raise BundleError(
                f"{folder / 'config.json'}: model_type is {config.get('model_type')!r}, "
                f"expected {' or '.join(map(repr, ARCHITECTURES))}"
            )
        if not isinstance(config.get("hidden_size"), int):
            raise BundleError(f"{folder / 'config.json'}: hidden_size is missing or not a whole number")
        return cls(folder, manifest, config)

    @property
    def name(self) -> str:
        """The model's name, e.g. ``secencoder-tiny``."""
        return str(self.manifest.get("name", self.path.name))

    @property
    def version(self) -> str:
        """The model's version, as its makers count; two trainings may share one."""
        return str(self.manifest.get("version", "0"))

    @property
    def identity(self) -> str:
        """``name@version#hash``: vectors and counts of two identities are not comparable."""
        return f"{self.name}@{self.version}#{self.sha256[:IDENTITY_DIGITS]}"

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.config["hidden_size"])

    @property
    def sha256(self) -> str:
        """One hash for the whole bundle: that of its manifest's list of files."""
        return hashlib.sha256(json.dumps(self.manifest["files"], sort_keys=True).encode()).hexdigest()

    @property
    def onnx_path(self) -> Path:
        """The graph to run: int8 when the bundle has it, else fp32."""
        for name in ONNX_FILES:
            if name in self.manifest["files"]:
                return self.path / name
        raise BundleError(f"{self.path}: has none of {', '.join(ONNX_FILES)}")


def verify_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Re-hashes every file the manifest lists; BundleError also for a file that it does not list."""
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise BundleError(f"{folder / MANIFEST}: 'files' is missing or malformed")
    for name in REQUIRED:
        if name not in files:
            raise BundleError(f"{folder / MANIFEST}: does not list {name}")
    for name, entry in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BundleError(f"{folder / MANIFEST}: {name!r} points outside the bundle")
        if not path.is_file():
            raise BundleError(f"{path}: is listed in {MANIFEST} but missing")
        if (found := sha256_of(path)) != entry.get("sha256"):
            raise BundleError(f"{path}: sha256 is {found}, {MANIFEST} says {entry.get('sha256')}")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in files and name != MANIFEST and (path.is_symlink() or not path.is_dir()):
            raise BundleError(f"{path}: is not listed in {MANIFEST}")
