"""One session of n threads against n runs of one thread at a time, with tokenisation before or beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.stock import Ids
from benchmarks.timing import Contestant, Work
from encoder_core import Bundle
from encoder_core.batching import pad_rows, token_budget_batches
from encoder_core.session import Session
from encoder_core.tokenizer import Tokenizer

CHUNK_LINES = 128
BUDGET = 4_096
Batches = list[tuple[Ids, Ids]]


def overlap_contestants(
    bundle: Bundle, tokenizer: Tokenizer, lines: Sequence[str], threads: int
) -> dict[str, Contestant]:
    """The four ways to embed the same lines in chunks of 128."""
    wide, narrow = Session(bundle, threads=threads), Session(bundle, threads=1)
    workers, ahead = ThreadPoolExecutor(threads), ThreadPoolExecutor(1)
    chunks = [lines[start : start + CHUNK_LINES] for start in range(0, len(lines), CHUNK_LINES)]
    tokens = sum(map(len, tokenizer.encode(lines)[0]))

    def prepare(chunk: Sequence[str]) -> Batches:
        rows = tokenizer.encode(chunk)[0]
        batches = token_budget_batches(list(map(len, rows)), BUDGET)
        return [pad_rows([rows[i] for i in batch], tokenizer.pad_id) for batch in batches]

    def one_at_a_time(batches: Batches) -> None:
        for batch in batches:
            wide.run(*batch)

    def side_by_side(batches: Batches) -> None:
        for _ in workers.map(lambda batch: narrow.run(*batch), batches[::-1]):  # longest first
            pass

    def contestant(
        prepared: Callable[..., Iterable[Batches]], embed: Callable[[Batches], None]
    ) -> Contestant:
        def call() -> None:
            for batches in prepared(prepare, chunks):
                embed(batches)

        return lambda _: Work(call, len(lines), tokens)

    return {
        f"one session of {threads} threads": contestant(map, one_at_a_time),
        f"one session of {threads} threads, tokenisation beside": contestant(ahead.map, one_at_a_time),
        f"{threads} runs of one thread": contestant(map, side_by_side),
        f"{threads} runs of one thread, tokenisation beside": contestant(ahead.map, side_by_side),
    }
