"""Faults at random moments, all drawn from one seed, so that a run that failed can be run again."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from tests.faults.case import Case
from tests.faults.worker import MARKS, PARTS
from tests.integration.harness import WorkerProcess

SECONDS = 16.0
"""Length of a schedule; a fault that takes long makes those after it late."""
FAULTS = 8
MOST_WORKERS = 3
MOST_PARTITIONS = 6


@dataclass(frozen=True, slots=True)
class Step:
    """A fault, when it comes, and what it draws its own choices from."""

    at: float
    fault: str
    seed: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a seed means."""

    seed: int
    partitions: int
    workers: int
    per_second: int
    options: dict[str, str]
    steps: list[Step]

    def __str__(self) -> str:
        first = (
            f"seed {self.seed}: {self.partitions} partitions, {self.workers} workers, "
            f"{self.per_second} lines/s, {self.options}"
        )
        return "\n".join([first, *(f"  {step.at:5.1f} s  {step.fault}" for step in self.steps)])


def drawn(seed: int) -> Schedule:
    """The schedule of a seed."""
    draw = random.Random(seed)
    times = sorted(draw.uniform(0, SECONDS) for _ in range(FAULTS))
    steps = [Step(at, draw.choice(list(KINDS)), draw.randrange(1 << 30)) for at in times]
    # A store that forgot everything does not know either where ``latest`` began.
    forgets = any(KINDS[step.fault] is flush_store for step in steps)
    return Schedule(
        seed=seed,
        partitions=draw.randint(1, 4),
        workers=draw.randint(1, MOST_WORKERS),
        per_second=draw.choice((100, 200, 300)),
        options={
            "STREAM__BATCH_LINES": draw.choice(("10", "50", "200")),
            "STREAM__SNAPSHOT_LINES": draw.choice(("100", "1000")),
            "STREAM__START": "latest" if draw.random() < 0.4 and not forgets else "earliest",
            "pause": draw.choice(("0", "0.02")),
        },
        steps=steps,
    )


@dataclass
class Run:
    """A schedule under way."""

    case: Case
    kafka: object
    store: object
    stack: ExitStack
    workers: list[WorkerProcess] = field(default_factory=list)
    forgot: bool = False
    """Whether the store lost something: Kafka may then be ahead of it for a while."""
    happened: list[str] = field(default_factory=list)

    def start(self) -> None:
        """One more worker."""
        self.workers.append(self.stack.enter_context(self.case.worker()))

    def run(self, schedule: Schedule) -> None:
        """Every step at its time, or as soon after it as the one before is done."""
        begin = time.monotonic()
        for step in schedule.steps:
            time.sleep(max(0.0, begin + step.at - time.monotonic()))
            self.happened.append(f"{time.monotonic() - begin:5.1f} s  {step.fault}")
            KINDS[step.fault](self, random.Random(step.seed))

    def any_worker(self, draw: random.Random) -> WorkerProcess:
        """One that runs; the place of one that ended is taken first."""
        return draw.choice(self.workers)

    def replace(self, worker: WorkerProcess) -> None:
        """A new worker in the place of one that was ended."""
        self.workers.remove(worker)
        self.start()


def kill_worker(run: Run, draw: random.Random) -> None:
    worker = run.any_worker(draw)
    worker.kill()
    run.replace(worker)


def terminate_worker(run: Run, draw: random.Random) -> None:
    worker = run.any_worker(draw)
    worker.terminate()
    run.replace(worker)


def stop_worker(run: Run, draw: random.Random) -> None:
    """For less or more than the session timeout of 3 s."""
    worker = run.any_worker(draw)
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(draw.choice((1, 5)))
    worker.process.send_signal(signal.SIGCONT)


def add_worker(run: Run, draw: random.Random) -> None:
    if len(run.workers) < MOST_WORKERS:
        run.start()


def remove_worker(run: Run, draw: random.Random) -> None:
    if len(run.workers) > 1:
        worker = run.any_worker(draw)
        worker.terminate()
        run.workers.remove(worker)


def restart_kafka(run: Run, draw: random.Random) -> None:
    run.kafka.restart()  # type: ignore[attr-defined]


def restart_store(run: Run, draw: random.Random) -> None:
    run.store.kill()  # type: ignore[attr-defined]
    time.sleep(draw.uniform(0, 3))
    run.store.start()  # type: ignore[attr-defined]


def pause_store(run: Run, draw: random.Random) -> None:
    milliseconds = draw.choice((500, 2_000, 4_000))
    run.case.client.client_pause(milliseconds, all=draw.random() < 0.5)


def forget_scripts(run: Run, draw: random.Random) -> None:
    run.case.client.script_flush()


def refuse_steps(run: Run, draw: random.Random) -> None:
    name, value = draw.choice((("maxmemory", 1), ("min-replicas-to-write", 1)))
    run.case.client.config_set(name, value)
    time.sleep(draw.uniform(0.5, 3))
    run.case.client.config_set(name, 0)


def flush_store(run: Run, draw: random.Random) -> None:
    run.forgot = True
    run.case.client.flushall()


def break_part(run: Run, draw: random.Random) -> None:
    with run.case.broken(draw.choice(PARTS)):
        time.sleep(draw.uniform(0.5, 3))


def send_poison(run: Run, draw: random.Random) -> None:
    run.case.send(draw.randint(1, 2), fate="dead", text=MARKS[draw.choice(PARTS)], wait=False)


def add_partition(run: Run, draw: random.Random) -> None:
    if run.case.source.partitions < MOST_PARTITIONS:
        run.case.add_partitions(run.case.source.partitions + 1)


def transact(run: Run, draw: random.Random) -> None:
    commit = draw.random() < 0.5
    with run.case.source.transaction(commit=commit) as producer:
        run.case.send(draw.randint(1, 60), producer=producer, fate="applied" if commit else "never")


KINDS: dict[str, Callable[[Run, random.Random], None]] = {
    kind.__name__.replace("_", " "): kind
    for kind in (
        kill_worker,
        terminate_worker,
        stop_worker,
        add_worker,
        remove_worker,
        restart_kafka,
        restart_store,
        pause_store,
        forget_scripts,
        refuse_steps,
        flush_store,
        break_part,
        send_poison,
        add_partition,
        transact,
    )
}


def play(schedule: Schedule, case: Case, kafka: object, store: object) -> None:
    """Runs a schedule while lines come, ends all its faults, and checks that every line had its effect once.

    Raises AssertionError with the schedule, so that its seed can be run again.
    """
    case.options |= schedule.options
    with ExitStack() as stack:
        run = Run(case, kafka, store, stack)
        try:
            for _ in range(schedule.workers):
                run.start()
            if schedule.options["STREAM__START"] == "latest":
                case.wait_until_placed()
            with case.source.flow(per_second=schedule.per_second):
                run.run(schedule)
            with suppress(Exception):
                case.client.client_unpause()
            case.check(commits=not run.forgot, repeated_letters=True)
            ended = [worker for worker in run.workers if not worker.running]
            assert not ended, "\n".join(worker.tail() for worker in ended)
        except Exception as error:
            happened = "\n  ".join(run.happened)
            raise AssertionError(f"{schedule}\nwhat happened:\n  {happened}\n{error}") from error
