"""A stage's share is what its threads use of a processor, not how long they are in it."""

import threading
import time

from benchmarks.stream import stages


def test_a_thread_that_waits_takes_nothing_from_one_that_works(monkeypatch):
    done = threading.Event()

    def working():
        while time.thread_time() < 0.2:
            pass

    def waiting():
        done.wait()

    codes = {working.__code__: "work", waiting.__code__: "wait"}

    def stage_of(frame):
        while frame is not None and frame.f_code not in codes:
            frame = frame.f_back
        return frame and codes[frame.f_code]

    monkeypatch.setattr(stages, "stage_of", stage_of)

    threads = [threading.Thread(target=working), threading.Thread(target=waiting)]
    looker = stages.Looker()
    for thread in threads:
        thread.start()
    while threads[0].is_alive():
        time.sleep(0.002)
        looker.look()
    done.set()
    threads[1].join()
    assert stages.shares({}, looker.seconds)["work"] > 0.9


def test_a_thread_that_has_ended_uses_nothing_more():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    number = thread.native_id
    thread.join()
    while stages.cpu_seconds(number):
        time.sleep(0.001)
