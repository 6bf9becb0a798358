"""Where compiled code is kept, that all cores compile it once, and that what is compiled anew is told of."""

import os
import subprocess
import time

import pytest
from numba import njit

from stream_processors.operations import compiling
from stream_processors.operations.compiling import (
    FOLDER,
    NOWHERE,
    SENTENCE,
    choose_folder,
    compile_ahead,
    state_of_code,
    told_of_compiling,
)


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A folder of code that is taken for ours."""
    monkeypatch.setattr(compiling, "ROOT", str(tmp_path / "code"))
    file = tmp_path / "code" / "connectors" / "formats" / "one.py"
    file.parent.mkdir(parents=True)
    file.write_text("LIMIT = 3")
    state_of_code.cache_clear()
    yield file
    state_of_code.cache_clear()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where folders of compiled code are, none chosen yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(FOLDER, "")
    return tmp_path / "cache" / "secencoder"


@pytest.fixture
def started(monkeypatch, home, code):
    """The parts that processes were started for, each of which ends with the number in ``ends``."""
    found: list[str] = []
    monkeypatch.setattr(subprocess, "Popen", Ended)
    monkeypatch.setattr(Ended, "started", found)
    monkeypatch.setattr(Ended, "ends", 0)
    return found


class Ended:
    """A process that ends at once."""

    started: list[str] = []  # noqa: RUF012
    ends = 0

    def __init__(self, command, **options):
        self.started.append(command[-1])

    def poll(self):
        return self.ends


def test_code_that_changed_has_another_folder_even_if_it_is_as_long_and_as_old(code, home, monkeypatch):
    choose_folder()
    first, when = os.environ[FOLDER], os.stat(code)
    code.write_text("LIMIT = 4")
    os.utime(code, ns=(when.st_atime_ns, when.st_mtime_ns))
    state_of_code.cache_clear()
    monkeypatch.setenv(FOLDER, "")
    choose_folder()
    assert os.environ[FOLDER] != first
    assert os.path.dirname(first) == os.path.dirname(os.environ[FOLDER]) == str(home)


def test_the_folder_that_a_user_chose_is_left(code, home, monkeypatch):
    monkeypatch.setenv(FOLDER, "/mine")
    choose_folder()
    assert os.environ[FOLDER] == "/mine"
    assert not home.exists()


def test_folders_that_no_start_used_for_a_month_are_removed(code, home):
    for name, days in (("old", 40), ("new", 2)):
        (home / name).mkdir(parents=True)
        os.utime(home / name, (time.time() - 86_400 * days,) * 2)
    choose_folder()
    assert {"old", "new"} & {path.name for path in home.iterdir()} == {"new"}


def test_without_a_folder_to_write_in_a_start_says_so_and_compiles_nothing_ahead(started, home):
    home.parent.write_text("a file, where the folder would be")
    choose_folder()
    told = []
    compile_ahead(told.append)
    assert told == [NOWHERE]
    assert started == []


def test_all_parts_are_compiled_once_by_processes_of_their_own(started):
    choose_folder()
    told = []
    compile_ahead(told.append)
    compile_ahead(told.append)
    assert sorted(started) == ["batches", "kinds", "lines", "templates"]
    assert told == [SENTENCE]


def test_what_failed_is_tried_again_by_the_next_start(started, monkeypatch):
    choose_folder()
    monkeypatch.setattr(Ended, "ends", 1)
    compile_ahead(lambda sentence: None)
    compile_ahead(lambda sentence: None)
    assert len(started) == 8


def test_code_that_is_compiled_is_told_of_once_and_code_at_hand_is_not():
    @njit
    def double(number):
        return 2 * number

    told: list[str] = []
    with told_of_compiling(told.append):
        assert double(2) == 4
        assert double(2.5) == 5.0
    assert told == [SENTENCE]
    with told_of_compiling(told.append):
        assert double(3) == 6
    assert len(told) == 1
