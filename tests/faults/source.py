"""The lines of a case: each carries a word of its own, spelled with letters so that no masking can touch it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tests.integration.harness import SECONDS

WORD = re.compile(r"\bid([a-z]{5})\b")
DELIVERY_MS = 120_000
TRANSACTION_MS = 30_000
LETTERS = 26
UNKNOWN_PARTITION = KafkaError._UNKNOWN_PARTITION


def spelled(number: int) -> str:
    """A number below 26**5 as a word: ``idaaaab``."""
    letters = []
    for _ in range(5):
        number, letter = divmod(number, LETTERS)
        letters.append(chr(ord("a") + letter))
    return "id" + "".join(reversed(letters))


def line_of(word: str) -> bytes:
    """An ordinary line."""
    return f"worker finished job {word} of the queue".encode()


@dataclass
class Source:
    """Sends lines to a topic and knows what must become of each.

    A word's fate is to be applied, to be dead-lettered, or never to be seen.
    """

    bootstrap: str
    topic: str
    partitions: int = 1
    applied: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    nameless: int = 0
    """Lines without a word that must be applied."""
    markers: int = 0
    """Offsets that are no lines: those of transactions."""
    where: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Word to (partition, offset, index) of its line."""
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: list[KafkaError] = []
        self._producer = self.producer()

    def producer(self, **options: object) -> Producer:
        """A producer whose retries repeat nothing."""
        return Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": DELIVERY_MS,
                "message.max.bytes": 9 << 20,
                "reconnect.backoff.max.ms": 1_000,
                "topic.metadata.refresh.interval.ms": 1_000,
                "log_level": 0,
                **options,
            }
        )

    def words(self, number: int) -> list[str]:
        """New words."""
        with self._lock:
            return [spelled(next(self._numbers)) for _ in range(number)]

    def send(
        self,
        number: int,
        *,
        partitions: Sequence[int] | None = None,
        timestamp_ms: int = 0,
        pause: float = 0.0,
        wait: bool = True,
        fate: str = "applied",
        producer: Producer | None = None,
        text: str = "",
    ) -> list[str]:
        """Sends ``number`` new lines to the partitions in turn and returns their words.

        pause: seconds between lines. wait: until the broker has them. text: put behind each line.
        """
        words = self.words(number)
        where = list(range(self.partitions) if partitions is None else partitions)
        for at, word in enumerate(words):
            self.send_value(
                line_of(word) + (f" {text}".encode() if text else b""),
                word=word,
                partition=where[at % len(where)],
                timestamp_ms=timestamp_ms,
                fate=fate,
                producer=producer,
            )
            if pause:
                time.sleep(pause)
        if wait:
            self.flush(producer)
        return words

    def send_messages(self, sizes: Iterable[int], *, fate: str = "applied", text: str = "") -> list[str]:
        """Sends messages of so many lines each to the partitions in turn and returns the lines' words.

        text: put behind the line in the middle of each.
        """
        sent: list[str] = []
        for at, size in enumerate(sizes):
            words = self.words(size)
            lines = [line_of(word).decode() for word in words]
            lines[size // 2] += text
            value = "\n".join(json.dumps({"message": line}) for line in lines).encode()
            self.send_value(value, word=words, partition=at % self.partitions, fate=fate)
            sent += words
        self.flush()
        return sent

    def send_value(
        self,
        value: bytes | None,
        *,
        word: str | Sequence[str] | None = None,
        partition: int = 0,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        timestamp_ms: int = 0,
        fate: str = "applied",
        producer: Producer | None = None,
    ) -> None:
        """Sends one message, with the words of its lines; without a word it is counted only."""
        words = [word] if isinstance(word, str) else word or []
        for one in words or [None]:
            self._expect(one, fate)

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failed.append(error)
            for index, one in enumerate(words if error is None else []):
                self.where[one] = (message.partition(), message.offset(), index)

        producer = producer or self._producer
        while True:
            try:
                producer.produce(
                    self.topic,
                    value,
                    key,
                    partition,
                    on_delivery=delivered,
                    timestamp=timestamp_ms,
                    headers=list(headers),
                )
            except (BufferError, KafkaException) as error:
                unknown = isinstance(error, KafkaException) and error.args[0].code() == UNKNOWN_PARTITION
                if not unknown and not isinstance(error, BufferError):
                    raise
                producer.poll(
                    0.1
                )  # a full queue, or a partition so new that the producer has not heard of it
            else:
                producer.poll(0)
                return

    def _expect(self, word: str | None, fate: str) -> None:
        """Notes what must become of a line: ``applied``, ``dead`` or ``never``."""
        with self._lock:
            if word is None:
                self.nameless += fate == "applied"
            elif fate != "never":
                (self.applied if fate == "applied" else self.dead).add(word)

    def flush(self, producer: Producer | None = None) -> None:
        """Returns once the broker has every line that was sent."""
        left = (producer or self._producer).flush(SECONDS)
        assert not left, f"{left} lines were not taken by Kafka"
        assert not self._failed, f"Kafka refused lines: {self._failed[:3]}"

    def send_values(self, values: Iterable[bytes | None]) -> None:
        """Sends messages without a word to the partitions in turn."""
        for at, value in enumerate(values):
            self.send_value(value, partition=at % self.partitions)
        self.flush()

    @contextmanager
    def flow(self, *, per_second: int = 200) -> Iterator[None]:
        """Goes on sending lines to all partitions until it is left, whatever the servers do meanwhile."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(0.1):
                self.send(max(1, per_second // 10), wait=False)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        self.flush()

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[Producer]:
        """A transaction; send with the producer it yields. Leaves one marker in each partition written to."""
        name = f"{self.topic}-{spelled(self.markers)}"
        producer = self.producer(**{"transactional.id": name, "message.timeout.ms": TRANSACTION_MS})
        producer.init_transactions(SECONDS)
        producer.begin_transaction()
        before = set(self.where)
        yield producer
        self.flush(producer)
        (producer.commit_transaction if commit else producer.abort_transaction)(SECONDS)
        self.markers += len({self.where[word][0] for word in self.where.keys() - before})
