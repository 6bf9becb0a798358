from __future__ import annotations

import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zstandard

from trainer.data import dedup as stage
from trainer.data.corpus import CorpusError
from trainer.data.dedup import dedup, held_out_quotas
from trainer.data.lsh import Deduplicator
from trainer.settings import CorpusSettings, DedupSettings
from trainer.stages.shards import list_shards
from trainer.stages.stage import DiskFullError

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"


@pytest.fixture
def groups(tmp_path, lines) -> list[CorpusSettings]:
    """Two tables: four files of lines of the scenario with repeats, and one with records that can't be read."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(4):
        own = lines[number * 500 : number * 500 + 500] + lines[:60]
        (folder / f"part{number}.log").write_text("".join(f"{line}\n" for line in own))
    (tmp_path / "other.jsonl").write_bytes(b'{"a": "\xff"}\n{"a":\n{"b": "x"}\n')
    return [
        CorpusSettings(paths=[str(tmp_path / "other.jsonl")], domain="cloud", weight=3, field="a"),
        CorpusSettings(paths=[str(folder)], domain="mixed"),
    ]


def content(folder):
    """Every file of a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def held_out(folder):
    with (folder / "heldout.jsonl.zst").open("rb") as raw:
        stream = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
        return [json.loads(record) for record in stream]


def test_shards_and_held_out_lines_are_what_one_pass_over_all_lines_keeps(tmp_path, groups):
    folder = tmp_path / "out"
    counts = dedup(groups, DedupSettings(heldout=0.1), folder)
    index = Deduplicator(DedupSettings(), tmp_path)
    shards = {shard.source: shard for shard in list_shards(folder)}
    held = held_out(folder)
    for number in range(4):
        lines = (tmp_path / "logs" / f"part{number}.log").read_text().splitlines()
        kept = [line for line, fate in zip(lines, index.decide(lines), strict=True) if fate == 0]
        out = [record["line"] for record in held if record["source"] == f"part{number}"]
        shard = shards[f"part{number}"]
        assert [line for line in kept if line not in set(out)] == list(shard)
        assert set(out) <= set(kept)
        assert (shard.lines, shard.characters) == (len(kept) - len(out), sum(map(len, shard)))
        assert (shard.domain, shard.weight) == ("mixed", 1)
    assert counts["heldout"] == len(held)
    assert 0.02 < len(held) / counts["kept"] < 0.25
    assert (shards["other"].weight, list(shards["other"])) == (3, ["\ufffd"])


def test_the_reports_add_up_to_the_counts(tmp_path, groups):
    folder = tmp_path / "out"
    counts = dedup(groups, DedupSettings(), folder)
    read = 1 + sum(len(path.read_text().splitlines()) for path in (tmp_path / "logs").iterdir())
    assert (counts["files"], counts["read"], counts["rejected"], counts["repaired"]) == (5, read, 2, 1)
    assert counts["read"] == counts["exact"] + counts["near"] + counts["kept"]
    assert counts["exact"] >= 100
    assert counts["bytes_read"] == sum(p.stat().st_size for p in (tmp_path / "logs").iterdir()) + 4
    assert counts["kept"] == sum(shard.lines for shard in list_shards(folder)) + len(held_out(folder))
    with (folder / "report.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["source"] for row in rows] == ["other", "part0", "part1", "part2", "part3"]
    for name in (
        "read",
        "rejected",
        "repaired",
        "exact",
        "near",
        "kept",
        "heldout",
        "bytes_read",
        "bytes_kept",
    ):
        assert sum(int(row[name]) for row in rows) == counts[name]
    report = (folder / "report.md").read_text()
    assert f"{counts['kept']:,} of {counts['read']:,} lines" in report
    assert " kB to " in report


def test_what_can_t_be_read_is_listed_with_file_and_line(tmp_path, groups):
    dedup(groups, DedupSettings(), tmp_path / "out")
    with (tmp_path / "out" / "rejected.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["file"], row["line"]) for row in rows] == [(str(tmp_path / "other.jsonl"), n) for n in "23"]
    assert all(row["reason"] for row in rows)


def test_a_long_line_is_cut_and_counted(tmp_path):
    (tmp_path / "a.log").write_text("x" * 50 + "\nshort\n")
    group = CorpusSettings(paths=[str(tmp_path / "a.log")])
    counts = dedup([group], DedupSettings(line_characters=20, heldout=0), tmp_path / "out")
    assert counts["cut"] == 1
    assert [list(shard) for shard in list_shards(tmp_path / "out")] == [["x" * 20, "short"]]


def test_a_source_without_kept_lines_has_no_shard(tmp_path, groups):
    (tmp_path / "logs" / "part9.log").write_text((tmp_path / "logs" / "part0.log").read_text())
    dedup(groups, DedupSettings(), tmp_path / "out")
    assert "part9" not in [shard.source for shard in list_shards(tmp_path / "out")]
    assert len(list((tmp_path / "out").glob("shard-*"))) == 5


def test_held_out_lines_are_capped_and_come_from_large_sources(tmp_path, groups):
    counts = dedup(groups, DedupSettings(heldout=0.4, heldout_lines=12), tmp_path / "out")
    sources = [record["source"] for record in held_out(tmp_path / "out")]
    assert counts["heldout"] == len(sources) == 12
    assert set(sources) == {"part0", "part1", "part2", "part3"}


def test_quotas_follow_the_sizes_and_add_up():
    quotas = held_out_quotas([5, 1_000, 3_000, 0, 2_000], 100)
    assert sum(quotas) == 100
    np.testing.assert_allclose(quotas, [0, 17, 50, 0, 33], atol=1)
    assert held_out_quotas([0, 0], 10) == [0, 0]


class Killed(BaseException):
    """Ends a run where it stands."""


@pytest.mark.parametrize("place", [1, 3, 6, 9])
def test_an_interrupted_run_goes_on_and_leaves_the_same_files(tmp_path, groups, monkeypatch, place):
    expected = dedup(groups, DedupSettings(), tmp_path / "whole")
    decide, calls = Deduplicator.decide, []

    def kill(self, some):
        calls.append(some)
        if len(calls) == place:
            raise Killed
        return decide(self, some)

    monkeypatch.setattr(Deduplicator, "decide", kill)
    with pytest.raises(Killed):
        dedup(groups, DedupSettings(), tmp_path / "out")
    before = len(calls)
    assert dedup(groups, DedupSettings(), tmp_path / "out") == expected
    assert len(calls) - before <= 9 - (place - 1) + 1  # finished sources are not read again
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    before = len(calls)
    assert dedup(groups, DedupSettings(), tmp_path / "out") == expected
    assert len(calls) == before


@pytest.mark.parametrize("step", ["write_report", "save_index", "unlink", "rmtree"])
def test_a_run_killed_while_it_joins_the_parts_goes_on(tmp_path, groups, monkeypatch, step):
    (tmp_path / "logs" / "part9.log").write_text((tmp_path / "logs" / "part0.log").read_text())
    expected = dedup(groups, DedupSettings(), tmp_path / "whole")

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr({"rmtree": stage.shutil, "unlink": Path}.get(step, stage), step, kill)
        with pytest.raises(Killed):
            dedup(groups, DedupSettings(), tmp_path / "out")
    assert dedup(groups, DedupSettings(), tmp_path / "out") == expected
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_run_killed_by_the_system_goes_on_and_leaves_the_same_files(tmp_path, groups):
    """Killed as soon as the second source is finished."""
    settings = DedupSettings()
    expected = dedup(groups, settings, tmp_path / "whole")
    program = (
        "import json, sys, time; from pathlib import Path; from trainer.data import dedup; "
        "from trainer.settings import CorpusSettings, DedupSettings; from trainer.data.lsh import Deduplicator; "
        "decide = Deduplicator.decide; "
        "Deduplicator.decide = lambda self, lines: (time.sleep(0.3), decide(self, lines))[1]; "
        "groups = [CorpusSettings(**group) for group in json.loads(sys.argv[1])]; "
        "dedup.dedup(groups, DedupSettings(), Path(sys.argv[2]))"
    )
    tables = json.dumps([group.model_dump() for group in groups])
    process = subprocess.Popen(
        [sys.executable, "-c", program, tables, str(tmp_path / "out")], stdout=subprocess.DEVNULL
    )
    while not (tmp_path / "out" / "parts" / "00001.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "shards.json").exists()
    assert dedup(groups, settings, tmp_path / "out") == expected
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_full_disk_is_one_line_and_costs_no_finished_source(tmp_path, groups, monkeypatch):
    expected = dedup(groups, DedupSettings(), tmp_path / "whole")
    write_shard = stage.write_shard

    def full(path, lines):
        if "00002" in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_shard(path, lines)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_shard", full)
        with pytest.raises(DiskFullError, match=r"shard-00002.jsonl.zst: no space left") as caught:
            dedup(groups, DedupSettings(), tmp_path / "out")
    assert "\n" not in str(caught.value)
    finished = (tmp_path / "out" / "shard-00001.jsonl.zst").read_bytes()
    assert finished == (tmp_path / "whole" / "shard-00001.jsonl.zst").read_bytes()
    assert dedup(groups, DedupSettings(), tmp_path / "out") == expected
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_corpus_without_lines_is_an_error_that_names_file_and_list(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n\nnot json\n")
    (tmp_path / "b.log").write_text("\n")
    group = CorpusSettings(paths=[str(tmp_path / "a.jsonl"), str(tmp_path / "b.log")])
    with pytest.raises(CorpusError, match=r"a\.jsonl and 1 more file.*1 records? .*rejected\.csv") as caught:
        dedup([group], DedupSettings(), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "shards.json").exists()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the public corpus is not beside the project")
def test_a_public_corpus_is_read_whole_and_shrinks(tmp_path):
    paths = [str(CORPUS / name) for name in ("elastic_examples_auth.log.gz", "crowdsec_hub_*.gz")]
    counts = dedup([CorpusSettings(paths=paths)], DedupSettings(), tmp_path / "out")
    assert counts["rejected"] == 0
    assert counts["read"] > 1_000
    assert counts["bytes_kept"] < 0.7 * counts["bytes_read"]
