from __future__ import annotations

import re

import pytest

from trainer.data.corpus import CorpusError, find_files, list_sources
from trainer.settings import CorpusSettings


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x\n")
    return path


def test_a_folder_gives_the_log_files_at_any_depth_by_name(tmp_path):
    names = ("a.log", "b/c.txt", "b/d/e.jsonl.gz", "f.log.zst", "g.csv", "h.parquet", "i.NDJSON", "j.csv.gz")
    wanted = [touch(tmp_path / name) for name in names]
    for name in ("notes.md", "messages.1", "k.gz", "README.txt", "MANIFEST.csv", "b/LICENSES/apache.txt"):
        touch(tmp_path / name)
    assert find_files([tmp_path]) == sorted(wanted)


def test_a_folder_named_like_a_log_file_is_searched_not_read(tmp_path):
    inner = touch(tmp_path / "host.log" / "a.log")
    assert find_files([tmp_path]) == [inner]


def test_a_named_file_and_what_a_glob_finds_are_taken_whatever_they_are_called(tmp_path):
    kept = [touch(tmp_path / name) for name in ("a/messages.1", "b/c/messages.2", "README.txt")]
    touch(tmp_path / "other.log")
    assert find_files([str(tmp_path / "**" / "messages.*"), str(kept[2])]) == sorted(kept)


def test_a_folder_that_a_glob_finds_is_searched_unless_it_holds_documents(tmp_path):
    kept = touch(tmp_path / "host1" / "a.log")
    touch(tmp_path / "LICENSES" / "a.txt")
    assert find_files([str(tmp_path / "*")]) == [kept]


def test_a_file_whose_name_holds_a_glob_s_characters_is_found_by_it(tmp_path):
    path = touch(tmp_path / "a[1].log")
    assert find_files([str(path)]) == [path]


def test_a_file_named_twice_is_one_file(tmp_path):
    path = touch(tmp_path / "a.log")
    assert find_files([path, tmp_path, str(tmp_path / "." / "*.log")]) == [path]


@pytest.mark.parametrize("name", ["nowhere", "nowhere/*.log"])
def test_a_path_without_files_is_an_error_that_names_it(tmp_path, name):
    touch(tmp_path / "a.log")
    with pytest.raises(CorpusError, match=re.escape(str(tmp_path / name))):
        find_files([tmp_path, tmp_path / name])


def test_a_folder_without_logs_is_an_error_that_names_it(tmp_path):
    touch(tmp_path / "notes.md")
    with pytest.raises(CorpusError, match=re.escape(str(tmp_path))):
        find_files([tmp_path])


def test_a_file_of_two_tables_belongs_to_the_first(tmp_path):
    for name in ("a.log", "b.log", "c.log"):
        touch(tmp_path / name)
    groups = [
        CorpusSettings(paths=[str(tmp_path / "b.log")], domain="windows", weight=0.5, field="m"),
        CorpusSettings(paths=[str(tmp_path)], domain="linux", weight=2),
    ]
    found = [(s.name, s.domain, s.weight, s.field) for s in list_sources(groups)]
    assert found == [("b", "windows", 0.5, "m"), ("a", "linux", 2, None), ("c", "linux", 2, None)]


def test_every_source_has_a_name_of_its_own(tmp_path):
    for name in ("x/a.log", "x/a.jsonl.gz", "y/a.log", "a-2.log", "v1.2.log.zst"):
        touch(tmp_path / name)
    names = [source.name for source in list_sources([CorpusSettings(paths=[str(tmp_path)])])]
    assert len(set(names)) == len(names) == 5
    assert {"a", "v1.2"} < set(names)
