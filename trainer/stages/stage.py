"""A stage of a run: a folder that is made once, can be interrupted anywhere, and says what it was made of.

A stage works in ``<folder>.part`` and becomes ``<folder>`` by a rename after its ``manifest.json`` is written: a
folder without that suffix is whole, and an old one is removed only after the new one is in its place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from trainer.stages.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    Recipe,
    StageError,
    Started,
    make_recipe,
    read_json,
    read_manifest,
    verify_files,
    verify_inputs,
    write_json,
)

STARTED = "started.json"
OWN_FILES = (STARTED, MANIFEST, f"{MANIFEST}.tmp")
POLL_SECONDS = 0.2
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_TEXTS = tuple(os.strerror(code) for code in FULL)
"""What the Rust libraries say of a full disk, whose exceptions carry no number."""


class DiskFullError(RuntimeError):
    """No space was left; what had been written stays for the next run."""


def run_stage(
    folder: Path,
    *,
    settings: dict[str, Any],
    inputs: Sequence[Path],
    make: Callable[[Path], dict[str, Any]],
    after: Sequence[Path] = (),
    keep: bool = False,
    stale: bool = False,
) -> tuple[Manifest, bool]:
    """The stage's manifest, and whether it had to be made: equal settings and inputs are not made again.

    settings: as JSON values. make: writes the outputs into the folder it is given, which may hold what an
    interrupted attempt with the same recipe left, and returns its counts. after: folders of the stages that made
    some of the inputs, which are verified before use. keep: an unfinished attempt with another recipe is hours of
    work and refused in place of thrown away. stale: make it again whatever the manifest says.

    A lock per folder makes a second process wait and then find the work done. Raises StageError for an input or
    output that is not what its manifest says, DiskFullError when no space is left.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(folder)
    with locked(folder), full_disk_named(part):
        settle(folder)
        finished = read_manifest(folder) if folder.exists() else None
        started = read_json(part / STARTED, Started) if (part / STARTED).exists() else None
        recipe = make_recipe(folder, settings, inputs, finished, started)
        if finished is not None and not stale and not finished.differences(recipe):
            verify_files(folder, list(finished.outputs), finished)
            return finished, False
        for stage in after:
            verify_inputs(inputs, stage)
        before = enter(part, recipe, started, keep=keep)
        begin = time.monotonic()
        counts = make(part)
        outputs = {
            path.relative_to(part).as_posix(): FileRecord.of(path)
            for path in sorted(part.rglob("*"))
            if path.is_file() and path.name not in OWN_FILES
        }
        seconds = round(before + time.monotonic() - begin, 3)
        manifest = Manifest(
            **dict(recipe), stage=folder.name, outputs=outputs, counts=counts, seconds=seconds
        )
        write_json(part / MANIFEST, manifest)
        settle(folder)
        return manifest, True


def join_stage(
    folder: Path, *, settings: dict[str, Any], inputs: Sequence[Path], make: Callable[[Path], dict[str, Any]]
) -> None:
    """What the other processes of a distributed stage do while the first one is in ``run_stage`` with the same.

    Waits until the stage's unfinished folder is there, or the stage is found to be up to date.
    """
    part = part_of(folder)
    while not (part / STARTED).exists() or (part / MANIFEST).exists():
        if folder.exists():
            finished = read_manifest(folder)
            if not finished.differences(make_recipe(folder, settings, inputs, finished)):
                return
        time.sleep(POLL_SECONDS)
    make(part)


def part_of(folder: Path) -> Path:
    """Where a stage works until it is whole."""
    return folder.with_name(f"{folder.name}.part")


def aside(folder: Path) -> Path:
    """Where an old folder waits until the new one is in its place."""
    return folder.with_name(f".{folder.name}.old")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds ``path`` against other processes, also those that don't know of each other; dies with the process."""
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            click.echo(f"{path}: waiting for another process that works on it", err=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def full_disk_named(part: Path) -> Iterator[None]:
    """Turns the many exceptions of a full disk into one that names the file, or the folder when it is not known."""
    try:
        yield
    except Exception as error:
        code = error.errno if isinstance(error, OSError) else None
        if code not in FULL and not any(text in str(error) for text in FULL_TEXTS):
            raise
        name = getattr(error, "filename", None) or part
        raise DiskFullError(f"{name}: no space left on the disk; make room, the next run goes on") from error


def settle(folder: Path) -> None:
    """Puts a whole ``.part`` in the folder's place, and ends a swap that was interrupted."""
    part = part_of(folder)
    if (part / MANIFEST).exists():
        (part / STARTED).unlink(missing_ok=True)
        swap(part, folder)
    restore(folder)


def swap(part: Path, folder: Path) -> None:
    """Puts a whole folder in the place of another, in an order in which nothing good is ever lost.

    1. the old one goes aside; 2. the new one goes in its place; 3. the old one is removed.
    """
    restore(folder)
    if folder.exists():
        folder.rename(aside(folder))  # 1.
    part.rename(folder)  # 2.
    shutil.rmtree(aside(folder), ignore_errors=True)  # 3.


def restore(folder: Path) -> None:
    """After a swap that was interrupted: takes the old folder back where no new one came, else removes it."""
    if not folder.exists() and aside(folder).exists():
        aside(folder).rename(folder)
    shutil.rmtree(aside(folder), ignore_errors=True)


def replaceable_bundle(path: Path) -> Path:
    """The folder that a bundle for ``path`` goes to, links followed. StageError for what must not be replaced."""
    folder = path.resolve()
    if folder.exists() and not folder.is_dir():
        raise StageError(f"{path}: is a file, expected the folder of a bundle")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise StageError(f"{path}: holds files but no bundle, and is not replaced")
    return folder


@contextmanager
def new_bundle(path: Path) -> Iterator[tuple[Path, Path]]:
    """A folder to write a bundle in, and the one to ``swap`` it with; nothing of it stays when that fails.

    Others that write the same bundle wait. Raises StageError for a ``path`` that holds something else.
    """
    folder = replaceable_bundle(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        restore(folder)
        part = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            yield part, folder
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def enter(part: Path, recipe: Recipe, started: Started | None, *, keep: bool) -> float:
    """Makes ``part`` ready for an attempt, going on in what an earlier one left; returns the seconds spent before."""
    differences = started.differences(recipe) if started else []
    if differences and keep:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise StageError(
            f"{part}: is unfinished and can't go on, as {differences[0]}{more}; "
            "change it back, or remove the folder to start anew"
        )
    seconds = 0.0
    if started is not None and not differences:
        newest = max(path.stat().st_mtime for path in part.rglob("*"))
        seconds = started.seconds + max(newest - started.began, 0.0)
    elif part.exists():
        shutil.rmtree(part)
    part.mkdir(exist_ok=True)
    write_json(part / STARTED, Started(**dict(recipe), seconds=seconds, began=time.time()))
    return seconds


def require(folder: Path, command: str = "") -> Manifest:
    """The manifest of an earlier stage. StageError when it is not there; ``command`` makes it, if not its name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        settle(folder)
        if not folder.exists():
            raise StageError(f"{folder}: is not there; run {command or folder.name} first")
        return read_manifest(folder)
