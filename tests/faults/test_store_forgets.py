"""A store that lost all it had, or its latest steps: they are done again from Kafka, lines coming or not.

| case                     | what it shows                                                             |
| ------------------------ | ------------------------------------------------------------------------- |
| FLUSHALL                 | under load, on an idle topic, and without a worker                        |
| an older copy of the AOF | the same: the steps since are done again, in whole                        |
"""

from __future__ import annotations

import shutil
from contextlib import nullcontext

import pytest

WHEN = ["under load", "idle", "no worker"]
NOTICED_SECONDS = 120.0
"""Bound for a loss that no line betrays."""


class OlderCopy:
    """Sets a store back to the files it had."""

    def __init__(self, server, folder) -> None:
        self._server, self._copy = server, folder / "copy"

    def keep(self) -> None:
        """Remembers what is on disk now, where every step is before it is acknowledged."""
        shutil.copytree(self._server.directory / "appendonlydir", self._copy)

    def restore(self) -> None:
        """The server comes back with the older files."""
        self._server.kill()
        shutil.rmtree(self._server.directory / "appendonlydir")
        shutil.copytree(self._copy, self._server.directory / "appendonlydir")
        self._server.start()


@pytest.mark.faults
@pytest.mark.parametrize("left", ["nothing", "an older copy"])
@pytest.mark.parametrize("when", WHEN)
def test_what_the_store_lost_is_done_again(case_factory, store_server, tmp_path, when, left):
    case = case_factory(2)
    copy = OlderCopy(store_server, tmp_path)
    case.send(600)
    with case.worker() as worker:
        case.wait_until_seen(600)
        store_server.restart()  # so that the copy is whole
        copy.keep()
        case.send(900)
        case.wait_until_seen(1_500)
        load = case.source.flow(per_second=300) if when == "under load" else nullcontext()
        with load:
            if when == "no worker":
                assert worker.terminate() == 0
            if left == "nothing":
                case.client.flushall()
            else:
                copy.restore()
            if when == "under load":
                case.wait_until_seen(600)
        if when != "no worker":
            case.check(seconds=NOTICED_SECONDS, commits=False)
    if when == "no worker":
        with case.worker():
            case.check(seconds=NOTICED_SECONDS, commits=False)
