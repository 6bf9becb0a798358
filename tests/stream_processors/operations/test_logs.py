from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from stream_processors.operations.logs import LIMITED, RepeatFilter, limit_repeats


class Clock:
    """Seconds that pass when a test says so."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Written(logging.Handler):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written(clock):
    """What a root handler behind the filter writes, when every logger lets everything through to it."""
    root, handler = logging.getLogger(), Written()
    levels = {logger: logger.level for logger in (root, *map(logging.getLogger, LIMITED))}
    for logger in levels:  # those of the clients are at INFO once a login was made
        logger.setLevel(logging.DEBUG)
    root.addHandler(handler)
    limit_repeats([handler], RepeatFilter(clock=clock))
    yield handler.lines
    root.removeHandler(handler)
    for logger, level in levels.items():
        logger.setLevel(level)


client = logging.getLogger("aiokafka.conn")
ours = logging.getLogger("secencoder.worker")


def test_a_cause_is_told_once_a_minute_with_the_number_of_those_held_back(written, clock):
    for node in range(58):
        client.error(
            "Unable connect to node with id %s: %s", node, OSError(111, f"('10.0.0.7', {9000 + node})")
        )
    assert written == ["Unable connect to node with id 0: [Errno 111] ('10.0.0.7', 9000)"]
    clock.now += 61
    client.error("Unable connect to node with id %s: %s", 3, OSError(111, "('10.0.0.7', 9003)"))
    assert written[1:] == [
        "Unable connect to node with id 3: [Errno 111] ('10.0.0.7', 9003) (57 more like this in 61 s)"
    ]
    clock.now += 61
    client.error("Unable connect to node with id %s: %s", 3, OSError(111, "('10.0.0.7', 9003)"))
    assert written[2:] == ["Unable connect to node with id 3: [Errno 111] ('10.0.0.7', 9003)"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("the store: refused; next try in 0.1 s", "the store: refused; next try in 5.0 s"),
        ("node at 0x7f3a and [::1]:9092", "node at 0x7f3b and [fe80::2]:9094"),
        ("member a-5a4c9f0e-0b1c-4d2e-8f3a-5b6c7d8e9f00", "member a-0000000a-1111-2222-3333-444444444444"),
        ("logs/3: batch ending at 10 failed", "logs/3: batch ending at 20 failed"),
    ],
)
def test_numbers_and_addresses_make_no_other_cause(written, first, second):
    ours.warning(first)
    ours.warning(second)
    assert written == [first]


def test_another_text_level_logger_or_partition_is_another_cause(written):
    told = ["the store: refused", "the store: timed out", "logs/1: no", "logs/2: no", "app-1/2: no"]
    for text in told:
        ours.warning(text)
    ours.error("the store: refused")
    client.warning("the store: refused")
    assert written == [*told, "the store: refused", "the store: refused"]


def test_another_exception_is_another_cause(written):
    for error in (ValueError("row 1"), ValueError("row 2"), KeyError("row"), ValueError("shape")):
        try:
            raise error
        except Exception:
            ours.exception("logs/3: batch failed")
    assert len(written) == 3


def test_debug_other_loggers_and_our_own_info_are_never_limited(written):
    for _ in range(3):
        client.debug("bytes")
        ours.info("assigned")
        logging.getLogger("secencoderish").error("not ours")
        logging.getLogger("somebody.else").error("not ours")
    assert len(written) == 12


def test_info_of_the_clients_is_limited(written):
    for _ in range(3):
        client.info("Joined group")
    assert len(written) == 1


def test_memory_is_bounded_and_the_cause_not_seen_for_longest_goes_first(clock):
    repeats = RepeatFilter(causes=3, clock=clock)

    def passes(text: str) -> bool:
        return repeats.filter(logging.makeLogRecord({"name": "kafka", "levelno": 40, "msg": text}))

    assert all(passes(text) for text in ("a", "b", "c"))
    assert not passes("a")
    assert passes("d")
    assert not passes("a")
    assert passes("b")
    assert len(repeats._told) == 3


def test_two_handlers_with_one_filter_write_the_same(clock):
    handlers = [Written(), Written()]
    repeats = limit_repeats(handlers, RepeatFilter(clock=clock))
    logger = logging.getLogger("kafka.test-two-handlers")
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    for _ in range(3):
        logger.error("down")
    clock.now += 60
    logger.error("down")
    assert handlers[0].lines == handlers[1].lines == ["down", "down (2 more like this in 60 s)"]
    assert limit_repeats(handlers) is repeats
    assert [handler.filters for handler in handlers] == [[repeats]] * 2


def test_a_record_whose_arguments_do_not_fit_is_left_to_the_formatter(clock):
    record = logging.makeLogRecord({"name": "kafka", "levelno": 40, "msg": "%d", "args": ("x",)})
    assert RepeatFilter(clock=clock).filter(record)


def test_a_broker_that_goes_away_is_told_once_for_each_cause(clock):
    """A real aiokafka consumer in a group, whose broker goes: it tries to reach it many times a second."""
    pytest.importorskip("confluent_kafka")
    from aiokafka import AIOKafkaConsumer

    from connectors.kafka import KafkaSettings
    from stream_processors.demo.servers import embedded_broker

    everything, limited = Written(), Written()
    limit_repeats([limited], RepeatFilter(clock=clock))
    logger = logging.getLogger("aiokafka")

    async def consume() -> None:
        with embedded_broker() as bootstrap:
            settings = KafkaSettings(bootstrap_servers=bootstrap)
            consumer = AIOKafkaConsumer("logs", **settings.aiokafka_kwargs(), group_id="g")
            await consumer.start()
            await consumer.getmany(timeout_ms=200)
        logger.addHandler(everything)
        logger.addHandler(limited)
        try:
            for _ in range(100):
                await asyncio.sleep(0.1)
                if len(everything.lines) > 40:
                    break
        finally:
            logger.removeHandler(everything)
            logger.removeHandler(limited)
            with contextlib.suppress(asyncio.TimeoutError):  # it would leave its group first
                await asyncio.wait_for(consumer.stop(), 0.5)

    asyncio.run(consume())
    assert len(everything.lines) > 40
    assert 0 < len(limited.lines) < 10, limited.lines
