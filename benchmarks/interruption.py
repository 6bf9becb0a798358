"""A whole run, from raw files to a verified bundle, killed twice on the way, beside one that was left alone.

Takes about 20 MB of the corpus beside the project, else generated logs of that size, and runs ``secencoder-trainer
run`` on it twice. One run is killed with SIGKILL in its tokenizer stage and in its pretraining, after a checkpoint,
and started again each time. Both must end with the same losses and a bundle that verifies.
Run: python -m benchmarks.interruption
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from encoder_core import Bundle, Encoder
from stream_processors.demo.scenario import scenario

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
SLICE_BYTES = 20_000_000
POLL_SECONDS = 0.2


def slice_files(folder: Path) -> tuple[str, list[Path]]:
    """About 20 MB of raw logs: every file of the corpus up to a size, or one generated file."""
    if not CORPUS.is_dir():
        path = folder / "generated.log"
        lines = [labelled.line for labelled in scenario(lines=120_000, seed=21)]
        path.write_text("\n".join(lines)[:SLICE_BYTES] + "\n")
        return "generated logs", [path]
    chosen, size = [], 0
    for path in sorted(CORPUS.glob("*.gz"), key=lambda path: path.stat().st_size):
        raw = len(gzip.decompress(path.read_bytes()))
        if size + raw > SLICE_BYTES:
            break
        chosen.append(path)
        size += raw
    return f"public logs, {size / 1e6:.1f} MB in {len(chosen)} files", chosen


def start(files: Sequence[Path], work: Path, steps: int) -> subprocess.Popen[bytes]:
    settings = {"pretrain.steps": steps, "pretrain.checkpoint_minutes": 0.2, "export.version": "interruption"}
    command = [sys.executable, "-m", "trainer", "run", "--work", str(work)]
    for path in files:
        command += ["--corpus", str(path)]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    return subprocess.Popen(command, start_new_session=True)


def finish(process: subprocess.Popen[bytes]) -> None:
    if process.wait():
        sys.exit(f"the run failed with exit code {process.returncode}")


def kill_when(process: subprocess.Popen[bytes], due: Callable[[], bool], what: str) -> None:
    """SIGKILL to the run and all its children as soon as ``due`` says so."""
    while not due():
        if process.poll() is not None:
            sys.exit(f"the run ended before {what}")
        time.sleep(POLL_SECONDS)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    print(f"killed: {what}", flush=True)


def losses(work: Path) -> list[tuple[str, str]]:
    with (work / "pretrain" / "loss.csv").open(newline="") as stream:
        return [(row["step"], row["loss"]) for row in csv.DictReader(stream)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, files = slice_files(folder)
        left, killed = folder / "left-alone", folder / "killed"
        begun = time.monotonic()
        finish(start(files, left, options.steps))
        seconds = time.monotonic() - begun
        kill_when(
            start(files, killed, options.steps),
            (killed / "tokenizer.part" / "started.json").exists,
            "in the tokenizer stage",
        )
        kill_when(
            start(files, killed, options.steps),
            lambda: len(list((killed / "pretrain.part").glob("checkpoint-*.json"))) > 1,
            "in pretraining, after a checkpoint",
        )
        finish(start(files, killed, options.steps))
        expected, found = losses(left), losses(killed)
        gap = max(abs(float(a) - float(b)) for (_, a), (_, b) in zip(expected, found, strict=True))
        bundle = Bundle.load(killed / "bundle")
        vectors = Encoder(bundle).embed(["sshd[9]: Failed password for root from 192.0.2.7 port 22"])
        print(
            f"{data}; left alone: {seconds:.0f} s; final loss {expected[-1][1]} and {found[-1][1]} after two kills, "
            f"largest difference of {len(expected)} rows {gap:.0e}; bundle {bundle.name} {bundle.version} verified, "
            f"embeds to {vectors.shape[1]} dimensions"
        )
        if gap > 1e-5:
            sys.exit("the losses differ")


if __name__ == "__main__":
    main()
