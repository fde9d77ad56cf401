"""Results as a plain-text table.

task    scorer  metric     value
hello   match   accuracy   0.950 ± 0.050
                mean       0.900
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from motools.evals.base import EvalResults

HEADER = ("task", "scorer", "metric", "value")
ERROR = "stderr"
"""The metric that is a standard error, and is shown beside the one it belongs to."""
CENTRAL = ("accuracy", "mean")
"""The metrics that a standard error belongs to, the likeliest first; else it belongs to the first of its scorer."""


def table(results: EvalResults) -> str:
    """Return a line for each task, scorer and metric; a name is not repeated below itself."""
    rows = [HEADER, *_rows(results)]
    if len(rows) == 1:
        return f"No metrics for {results.model_id}."
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text, the cells of a column under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _rows(results: EvalResults) -> Iterator[tuple[str, str, str, str]]:
    for task, scorers in results.metrics.items():
        shown_task = task
        for scorer, metrics in scorers.items():
            shown_scorer = scorer
            for metric, value in _with_errors(metrics):
                yield shown_task, shown_scorer, metric, value
                shown_task = shown_scorer = ""


def _with_errors(metrics: Mapping[str, float | None]) -> Iterator[tuple[str, str]]:
    error, names = metrics.get(ERROR), [name for name in metrics if name != ERROR]
    bearer = _bearer(names)
    for name in names:
        has_error = name == bearer and error is not None
        yield name, f"{number(metrics[name])} ± {number(error)}" if has_error else number(metrics[name])
    if ERROR in metrics and bearer is None:
        yield ERROR, number(error)


def _bearer(names: Sequence[str]) -> str | None:
    return next((name for name in CENTRAL if name in names), next(iter(names), None))


def number(value: float | None) -> str:
    """Return a metric as people read it: three decimals, more where they would all be zero, a dash for none."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.2e}"  # noqa: PLR2004 (what .3f can show)


__all__ = ["aligned", "number", "table"]
