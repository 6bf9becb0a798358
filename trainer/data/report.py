"""What deduplication did with each source: ``report.csv``, and ``report.md`` to read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

REPORT = "report.csv"
UNITS = ("B", "kB", "MB", "GB", "TB")


class SourceCounts(BaseModel):
    """One source in numbers: read = exact + near + kept, and the held-out lines are some of the kept.

    rejected: records that can't be read. repaired: lines with undecodable bytes replaced; cut: longer than the
    setting. exact, near: dropped as equal, or similar, to an earlier kept line. bytes: UTF-8 with a line end each.
    characters: of the kept lines that are not held out.
    """

    source: str
    file: str
    domain: str
    read: int = 0
    rejected: int = 0
    repaired: int = 0
    cut: int = 0
    exact: int = 0
    near: int = 0
    kept: int = 0
    heldout: int = 0
    bytes_read: int = 0
    bytes_kept: int = 0
    characters: int = 0


COLUMNS = tuple(SourceCounts.model_fields)
NUMBERS = COLUMNS[3:]


def totals(sources: Sequence[SourceCounts]) -> dict[str, int | float]:
    """The sum of each number over all sources, and ``files``, how many they are."""
    return {
        "files": len(sources),
        **{name: sum(getattr(source, name) for source in sources) for name in NUMBERS},
    }


def write_report(folder: Path, sources: Sequence[SourceCounts]) -> None:
    """Writes ``report.csv``, a row a source, and ``report.md``, the same with the total."""
    with (folder / REPORT).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(source.model_dump() for source in sources)
    total = SourceCounts(source="**total**", file="", domain="", **totals(sources))  # type: ignore[arg-type]
    share = total.bytes_kept / max(total.bytes_read, 1)
    head = ("source", "domain", "read", "rejected", "exact", "near", "kept", "held out", "before", "after")
    lines = [
        "# Deduplication",
        "",
        f"**{size(total.bytes_read)} to {size(total.bytes_kept)}** ({share:.1%} of the bytes, {total.kept:,} of "
        f"{total.read:,} lines). The paper's 1 TB became 270 GB (27 %).",
        "",
        "exact, near: dropped as equal, or similar, to an earlier kept line. Held-out lines are some of the kept.",
        "",
        f"| {' | '.join(head)} |",
        f"| --- | --- | {' | '.join('---:' for _ in head[2:])} |",
        *(row(source) for source in [*sources, total]),
    ]
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_report(folder: Path) -> list[SourceCounts]:
    """What ``write_report`` wrote."""
    with (folder / REPORT).open(newline="", encoding="utf-8") as stream:
        return [SourceCounts.model_validate(entry) for entry in csv.DictReader(stream)]


def row(counts: SourceCounts) -> str:
    """One line of the table."""
    numbers = (counts.read, counts.rejected, counts.exact, counts.near, counts.kept, counts.heldout)
    sizes = size(counts.bytes_read), size(counts.bytes_kept)
    names = (name.replace("|", "\\|") for name in (counts.source, counts.domain))
    return f"| {' | '.join([*names, *(f'{number:,}' for number in numbers), *sizes])} |"


def size(number: float) -> str:
    """Bytes in three digits and a unit: ``256 MB``."""
    unit = 0
    while number >= 999.5 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.3g} {UNITS[unit]}"
