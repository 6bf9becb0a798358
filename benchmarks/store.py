"""What steps of a warm stream send to Redis and cost there, what the store holds an item, and how long opening takes.

The lines are those of ``benchmarks.stream``, taken by one process in steps of four partitions, as a worker takes them,
into a Redis of its own; no Kafka. The second half of the lines is measured. Snapshots are rare, and taken once at
the end: how often they come follows from their size (``detection.sources.SNAPSHOT_SHARE``). CPU times are of the step's
thread and of the server. Run: python -m benchmarks.store [--lines N] [--write docs/redis.md]
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import table
from benchmarks.steps import Stream
from benchmarks.stream.lines import CONTENTS
from connectors.redis import RedisSettings, RedisStore, connect
from connectors.redis.scripts import APPLY
from stream_processors.assembly import limit_blas, make_embedder, make_matching
from stream_processors.demo.servers import StoreServer
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.sources import SNAPSHOT_SHARE
from stream_processors.settings import Settings

RESULTS = Path(__file__).parent / "results" / "store.csv"
BEGIN, END = "<!-- computed by benchmarks.store -->\n", "<!-- end -->\n"
COLUMNS = ("logs", "what", "figure")
SAID = {
    "KNOWN": "counts of templates",
    "TEMPLATE": "new templates, examples, ranges",
    "LINE": "flagged lines",
    "ALERT": "alerts",
    "TAUGHT": "lessons for other partitions",
    "MERGE": "merges",
    "DAY": "counts of days",
    "window": "windows",
}
"""Commands of a step, or the keys that they are about, as the table calls them."""
REST = "offsets, totals and the rest"
ITEMS = {
    "template:": "template",
    "alert:": "alert",
    "line:": "flagged line",
    "window:": "window part",
    "state:": "snapshot",
    "day:": "day",
}
"""What a key is of, by how its name goes on."""


class Spy(RedisStore):
    """A store that knows what its steps sent, by kind, and how often it was asked."""

    def begin_counting(self) -> None:
        """Forgets what was sent before."""
        self.kinds: Counter[str] = Counter()

    def _run(self, script: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        if script is APPLY:
            self.kinds.update(kinds_of(args))
        return super()._run(script, keys, args)


def kinds_of(args: Sequence[Any]) -> Counter[str]:
    """Kind to bytes, of the commands of a step and of what comes before them."""
    at = list(args).index("SOURCE") - 1
    found = Counter({REST: sum(map(wire_bytes, args[:at]))})
    while at < len(args):
        words = args[at : at + args[at] + 1]
        key = str(words[2]).rpartition("}")[2].lstrip(":").partition(":")[0]
        found[SAID.get(words[1]) or SAID.get(key) or REST] += sum(map(wire_bytes, words))
        at += len(words)
    return found


def wire_bytes(word: Any) -> int:
    """Bytes of a word in Redis' protocol, its length among them."""
    size = len(word) if isinstance(word, bytes) else len(str(word).encode())
    return size + len(str(size)) + 5


def server_cpu(client: Any) -> float:
    """CPU seconds that the server has used."""
    info = client.info("cpu")
    return info["used_cpu_user"] + info["used_cpu_sys"]


def memory_of(client: Any) -> dict[str, float]:
    """Bytes of the server's memory an item, its key included."""
    sizes: dict[str, list[int]] = {name: [] for name in ITEMS.values()}
    minutes: list[float] = []
    for key in client.scan_iter(count=1_000):
        rest = key.decode().rpartition("}:")[2]
        name = next((item for start, item in ITEMS.items() if rest.startswith(start)), None)
        if name is not None:
            sizes[name].append(client.memory_usage(key, samples=0))
        if name == "template":
            hours = [value for field, value in client.hgetall(key).items() if field.startswith(b"hour:")]
            minutes += [5 + 4 / max(1, (len(value) - 4) // 5) for value in hours]
    found = {name: sum(all_) / len(all_) for name, all_ in sizes.items() if all_}
    return found | {"minute of a template": sum(minutes) / max(1, len(minutes))}


def measure(
    content: str, lines: int, pipeline: Pipeline, dim: int, settings: Settings
) -> list[tuple[str, float]]:
    """What is measured of one content: what, figure."""
    server = StoreServer(aof=True)
    server.start()
    try:
        client = connect(RedisSettings(url=server.url))
        store, stream = Spy(client, group="benchmark"), Stream(content, lines, pipeline, dim, settings)
        store.begin_counting()
        stream.run(store, 0.0, 0.5)
        store.begin_counting()
        received, used = client.info("stats")["total_net_input_bytes"], server_cpu(client)
        calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        done, steps, cpu = stream.run(store, 0.5, 1.0)
        received = client.info("stats")["total_net_input_bytes"] - received
        used = server_cpu(client) - used
        calls = client.info("commandstats")["cmdstat_evalsha"]["calls"] - calls
        sent = store.kinds.most_common()
        size = stream.save(store)
        every = max(settings.stream.snapshot_lines, size / SNAPSHOT_SHARE / stream.bytes_per_line)
        whole = received / done + size / every
        found = [
            ("bytes a line", stream.bytes_per_line),
            *((f"into Redis, bytes a line: {kind}", bytes_ / done) for kind, bytes_ in sent),
            ("into Redis, bytes a line: snapshots", size / every),
            ("into Redis, bytes a line: all", whole),
            ("into Redis, share of the logs", whole / stream.bytes_per_line),
            ("lines a step", done / steps),
            ("round trips a step", calls / steps),
            ("worker, us a line", cpu / done * 1e6),
            ("Redis, us a line", used / done * 1e6),
            ("lines between snapshots of a partition", every),
            ("opening a known partition, ms", stream.open(store) * 1e3),
            ("warm-up of a new partition, ms", stream.warm_up() * 1e3),
        ]
        found += [(f"memory, bytes: {item}", bytes_) for item, bytes_ in memory_of(client).items()]
        return [*found, ("memory, bytes: all", client.info("memory")["used_memory"])]
    finally:
        server.stop()


def page(rows: Sequence[Sequence[str]]) -> str:
    """The figures as Markdown, a column for each content."""
    contents = list(dict.fromkeys(logs for logs, _, _ in rows))
    figures = {(logs, what): float(figure) for logs, what, figure in rows}
    names = dict.fromkeys(what for _, what, _ in rows)
    cells = [[name, *(shown(figures.get((logs, name))) for logs in contents)] for name in names]
    return table(("", *contents), cells)


def shown(figure: float | None) -> str:
    """A figure for people; empty for none."""
    if figure is None:
        return ""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def updated(text: str, computed: str) -> str:
    """A page with what is computed in its place."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{computed.strip()}\n\n{END}{rest.split(END, 1)[1]}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=200_000, help="of each content")
    parser.add_argument("--only", nargs="+", choices=CONTENTS, default=CONTENTS)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the CSV file")
    parser.add_argument("--write", type=Path, help="a page whose table is to be replaced")
    options = parser.parse_args(arguments)
    limit_blas()
    settings = Settings()
    encoder = make_embedder(settings)
    pipeline = Pipeline(encoder, make_matching(settings))
    pipeline.warm_up()
    rows = [
        [content, what, f"{figure:.4g}"]
        for content in options.only
        for what, figure in measure(content, options.lines, pipeline, encoder.dim, settings)
    ]
    with options.results.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    print(page(rows))
    if options.write:
        options.write.write_text(updated(options.write.read_text(), page(rows)))


if __name__ == "__main__":
    main()
