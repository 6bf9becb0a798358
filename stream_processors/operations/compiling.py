"""Code that is compiled for this machine: where it is kept, and that the first start takes long, all cores at work.

numba tells what it kept is old by the one file that a function is in, while constants and functions of others are
compiled into it. So each state of our code keeps its own in a folder that is named by a hash of all of it, unless
NUMBA_CACHE_DIR names one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from glob import glob
from hashlib import blake2b
from pathlib import Path

SENTENCE = "compiling for this machine, which takes a minute or so, once; later starts find it on disk"
NOWHERE = "no folder to keep compiled code in: each start compiles anew; set NUMBA_CACHE_DIR to one"
FOLDER = "NUMBA_CACHE_DIR"
PARTS = ("templates", "kinds", "batches", "lines")
"""What is compiled side by side (``detection.rehearsal``), the longest first."""
MOST_DAYS = 30
"""Folders of other states of the code are removed when they have been of no use so long."""
ROOT = str(Path(__file__).parents[2])


@cache
def state_of_code() -> str:
    """A hash of all files that are compiled or hold what is compiled into them."""
    found = blake2b(digest_size=8)
    for part in ("connectors", "encoder_core/templates", "stream_processors/detection"):
        for name in sorted(glob(f"{part}/**/*.py", root_dir=ROOT, recursive=True)):
            with open(f"{ROOT}/{name}", "rb", buffering=0) as file:
                text = file.read()
            found.update(f"{name} {len(text)} ".encode())
            found.update(text)
    return found.hexdigest()


def choose_folder() -> None:
    """Tells numba where to keep what it compiles. To be called before numba is imported."""
    if os.environ.get(FOLDER):
        return
    folder = (
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "secencoder" / state_of_code()
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return  # ``compile_ahead`` says so
    os.environ[FOLDER] = str(folder)
    for other in folder.parent.iterdir():
        with suppress(OSError):
            if time.time() - other.stat().st_mtime > 86_400 * MOST_DAYS:
                shutil.rmtree(other)


def _machine() -> str:
    """A hash of what numba keeps code apart by, besides our own: processor, numba, Python."""
    import numba
    from llvmlite import binding

    about = (
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
        numba.__version__,
        sys.version,
    )
    return blake2b(repr(about).encode(), digest_size=8).hexdigest()


def compile_ahead(tell: Callable[[str], object]) -> None:
    """Compiles all that most inputs need, unless it was before, in several processes; ``tell`` hears of it."""
    folder = os.environ.get(FOLDER)
    if not folder:
        tell(NOWHERE)
        return
    done = Path(folder) / f"{state_of_code()}-{_machine()}.done"
    if done.exists():
        return
    tell(SENTENCE)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting, failed = list(PARTS), False
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        while waiting and len(running) < cores:
            command = [sys.executable, "-m", "stream_processors.detection.rehearsal", waiting.pop(0)]
            running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(0.05)
        failed |= any(process.poll() for process in running)
        running = [process for process in running if process.poll() is None]
    if not failed:
        with suppress(OSError):
            done.touch()


@contextmanager
def told_of_compiling(tell: Callable[[str], object]) -> Iterator[None]:
    """Calls ``tell`` with a sentence when something is compiled inside the block that was not on disk, once."""
    from numba.core import event

    class FirstTime(event.Listener):
        told = False

        def on_start(self, event: event.Event) -> None:
            if not self.told:
                self.told = True
                tell(SENTENCE)

        def on_end(self, event: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", FirstTime()):
        yield
