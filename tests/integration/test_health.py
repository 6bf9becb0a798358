"""A worker never stands still in silence: it says so over HTTP, in the log and in the store, and then ends."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

from stream_processors.demo.servers import free_port
from tests.integration.harness import log_lines

COMMAND = (sys.executable, "-m", "tests.faults.worker", "worker")


def ask(port: int, path: str) -> tuple[int, dict]:
    """Status and body; status 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except (urllib.error.URLError, TimeoutError):
        return 0, {}


def test_a_worker_that_cannot_go_on_says_so_and_ends(stream_factory, tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTS", str(tmp_path))
    port = free_port()
    stream = stream_factory(HEALTH__PORT=str(port), HEALTH__STALL_SECONDS="4", HEALTH__EXIT_SECONDS="15")
    stream.produce(log_lines(100, distinct=30))
    with stream.worker(command=COMMAND) as worker:
        stream.wait_until(lambda: ask(port, "/readyz")[0] == 200, "a ready worker")
        stream.wait_until_done()
        assert ask(port, "/healthz") == (200, {"status": "ok"})

        (tmp_path / "encoder").touch()  # from now on every new kind of line fails in the encoder
        stream.produce(log_lines(100, distinct=30, seed=1))
        stream.wait_until(lambda: ask(port, "/healthz")[0] == 503, "an unhealthy worker")
        (reason,) = ask(port, "/healthz")[1]["reasons"]
        assert reason.startswith(f"{stream.topic}/0: ")
        assert "a broken encoder" in reason
        stream.wait_until(lambda: stream.store.troubles(stream.topic), "the reason in the store")
        assert "a broken encoder" in stream.store.troubles(stream.topic)[0]
        assert worker.wait() == 1
        assert "Traceback" not in worker.text(), worker.tail()

    (tmp_path / "encoder").unlink()
    with stream.worker(command=COMMAND):
        stream.wait_until_done()
        stream.wait_until(lambda: not stream.store.troubles(stream.topic), "no more trouble in the store")
    stream.assert_each_line_counted_once()
