"""``secencoder scan``: detection over a file or stdin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from stream_processors.assembly import limit_blas, make_embedder, make_matching
from stream_processors.cli import kinds, report
from stream_processors.cli.files import opened, progress_bar, read_lines
from stream_processors.cli.options import json_option, settings_from, settings_options


@click.command()
@click.argument("file")
@click.option("--top", default=5, type=click.IntRange(1), help="Most unusual alerts, or lines, to show.")
@click.option(
    "--lines", "by_line", is_flag=True, help="Show each flagged line by itself, not folded into alerts."
)
@click.option("--sample", default=10, type=click.IntRange(1), help="Most diverse lines to show.")
@click.option("--patterns", default=10, type=click.IntRange(0), help="Most frequent patterns to show.")
@click.option(
    "--scores",
    "scores_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the score of each line of FILE, in order, as float32 into this .npy file.",
)
@json_option
@settings_options
def scan(
    file: str,
    top: int,
    by_line: bool,
    sample: int,
    patterns: int,
    scores_file: Path | None,
    as_json: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    **shortcuts: str | None,
) -> None:
    """What a worker would say of FILE (or stdin for -), without any broker.

    Flagged lines of one pattern are one alert, with their number, the first and the last one and the reasons of the
    most unusual one. --json has both, alerts and lines.

    A score is higher the more unusual a line is. A line of FILE that holds several has the highest score of them, one
    that goes on with a line before it has that one's, one that only names columns has 0, and one that could not be
    processed has NaN.
    """
    from time import monotonic

    import numpy as np

    from connectors.memory import MemoryStore
    from stream_processors.alerts.explaining import explain
    from stream_processors.alerts.folding import whole
    from stream_processors.answers.queries import patterns as find_patterns
    from stream_processors.answers.queries import samples
    from stream_processors.cli.alerts import alert_json, show_alerts
    from stream_processors.operations.compiling import compile_ahead, told_of_compiling
    from stream_processors.scan import LineScores
    from stream_processors.scan import scan as scan_lines

    settings = settings_from(config, assignments, **shortcuts)
    detection = settings.detection.model_copy(update={"window_lines": sample})
    compile_ahead(report.remark)
    limit_blas()
    encoder, matching = make_embedder(settings), make_matching(settings)
    store, source, scores = MemoryStore(), "stdin" if file == "-" else Path(file).name, LineScores()
    started = monotonic()
    with (
        told_of_compiling(report.remark),
        opened(file) as (stream, size),
        progress_bar("scanning", size) as advance,
    ):

        def counted() -> Iterator[bytes]:
            for line in read_lines(stream):
                advance(len(line) + 1)
                yield line

        model = encoder.bundle.identity
        batches = scan_lines(
            counted(),
            encoder,
            detection,
            store,
            source=source,
            model=model,
            reading=settings.stream,
            matching=matching,
            scores=scores if scores_file else None,
        )
        failed = [failure for batch in batches for failure in batch]
    for failure in failed:
        click.echo(f"secencoder: line {failure.line.offset + 1}: {failure.error}", err=True)
    if scores_file is not None:
        with scores_file.open("wb") as target:
            np.save(target, scores.scores, allow_pickle=False)
    stats, seconds = store.stats(source), monotonic() - started
    lines = store.anomalies(source, limit=stats.lines)
    alerts, found, templates = whole(lines), lines[:top], store.templates(source)
    why = {alert.id: explain(alert, templates, stats) for alert in alerts[:top]}
    kinds_found, pattern_count = find_patterns(store, source, limit=patterns)
    diverse = samples(store, source, k=sample)
    if as_json:
        report.print_json(
            {
                "source": source,
                "lines": stats.lines,
                "scores": str(scores_file) if scores_file else None,
                "seconds": round(seconds, 3),
                "failed": len(failed),
                "parse_errors": stats.parse_errors,
                "cut": stats.cut,
                "alert_count": len(alerts),
                "alerts": [alert_json(alert, None, why[alert.id]) for alert in alerts[:top]],
                "anomalies": found,
                "pattern_count": pattern_count,
                "patterns": kinds_found,
                "sample": diverse[0] if diverse else None,
            }
        )
        return
    report.console.print(
        f"{stats.lines:,} lines in {seconds:.1f} s ({stats.lines / max(seconds, 1e-9):,.0f} lines/s), "
        f"{pattern_count} patterns, {stats.parse_errors} parse errors, {stats.cut} lines cut\n"
    )
    if by_line:
        report.show_anomalies(found)
        report.show_anomalies(found, note="Why:", explain=True)
        report.say("")
    else:
        show_alerts(alerts[:top], {}, {}, of=len(alerts))
        show_alerts(alerts[:top], {}, why)
    if patterns:
        kinds.show_patterns(kinds_found, pattern_count)
    for one in diverse:
        report.show_sample(one)
