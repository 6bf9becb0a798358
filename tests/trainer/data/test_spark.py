from __future__ import annotations

import json
import random
import shutil
import sys
from importlib.util import find_spec

import pytest

from trainer.data import spark
from trainer.data.dedup import dedup
from trainer.settings import CorpusSettings, DedupSettings
from trainer.stages.manifest import StageError

needs_spark = pytest.mark.skipif(
    find_spec("pyspark") is None or shutil.which("java") is None,
    reason="needs PySpark (pip install 'secencoder-streams[spark]') and Java on the PATH",
)


@pytest.fixture(scope="module")
def session():
    """Two threads of this machine; the code under test uses the active session."""
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.master("local[2]").appName("tests")
        for name, value in (spark.QUIET | spark.LOOPBACK | {"spark.sql.shuffle.partitions": "2"}).items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        yield session
        session.stop()


def chain(length, seed):
    """Lines each similar to the next only: every step replaces a few characters at another place."""
    rng = random.Random(seed)
    characters = rng.choices("abcdefghijklmnopqrstuvwxyz0123456789 /=", k=90)
    for step in range(length):
        place = (step * 6) % 84
        characters[place : place + 4] = rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=4)
        yield "".join(characters)


@needs_spark
def test_spark_keeps_the_same_lines(tmp_path, lines, session, monkeypatch):
    monkeypatch.setattr(spark, "FINISH_LINES", 400)
    monkeypatch.setattr(spark, "FINISH_SHARE", 0.3)
    rng = random.Random(5)
    everything = lines[:2_000] + [line for seed in range(40) for line in chain(12, seed)]
    rng.shuffle(everything)
    everything += everything[:100]
    for number in range(4):
        some = everything[number * 645 : (number + 1) * 645]
        (tmp_path / f"part{number}.log").write_text("".join(f"{line}\n" for line in some))
    (tmp_path / "more.jsonl").write_text(json.dumps({"m": everything[3]}) + '\n{"m":\n{"m": "new"}\n')
    groups = [
        CorpusSettings(paths=[str(tmp_path / "*.log")]),
        CorpusSettings(paths=[str(tmp_path / "more.jsonl")], field="m"),
    ]
    local = dedup(groups, DedupSettings(), tmp_path / "local")
    assert dedup(groups, DedupSettings(engine="spark"), tmp_path / "spark") == local
    assert min(local["exact"], local["near"], local["kept"]) > 50
    for path in (tmp_path / "local").iterdir():
        assert (tmp_path / "spark" / path.name).read_bytes() == path.read_bytes(), path.name


def test_without_pyspark_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    (tmp_path / "a.log").write_text("one line\n")
    group = CorpusSettings(paths=[str(tmp_path / "a.log")])
    with pytest.raises(StageError, match=r"dedup.engine.*secencoder-streams\[spark\]"):
        dedup([group], DedupSettings(engine="spark"), tmp_path / "out")
