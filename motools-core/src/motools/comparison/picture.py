"""A comparison as a picture: for each measure the scores on the left, and the differences from the baseline on the right.

Every model has a row, named at the left, with p (Holm) at the right. Colours are those of Okabe & Ito, "Color universal
design" (2008), which people with any kind of colour vision tell apart; each comes with a marker of its own shape.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from motools.comparison.reading import Measure
from motools.comparison.text import shortened
from motools.errors import UsageError
from motools.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from matplotlib.axes import Axes

    from motools.comparison.report import Comparison, Difference, Score

COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MOST_ROWS = 120
"""Rows of all measures together, above which nobody can read a picture, and no viewer may open it."""
WIDTH, ROW_HEIGHT, SPACE = 10.0, 0.34, 0.75
"""Inches: the picture's width, the height of a model's row, and what stands above and below the rows of a measure."""
DOTS = 160
"""Dots an inch of a PNG."""
LONGEST_NAME, LONGEST_TITLE = 30, 60
LEAST = 0.001
"""The least p that is written as it is."""
PLAIN = {"parse_math": False}
"""A name with a $ in it is no formula."""


async def draw(comparison: Comparison, path: str | PathLike[str], kind: str) -> None:
    """Write the picture to a file, atomically; `kind` is "png" or "svg". Raises `UsageError` where it would be too long."""
    await asyncio.to_thread(_draw, comparison, path, kind)


def _draw(comparison: Comparison, path: str | PathLike[str], kind: str) -> None:
    file = BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    picture(comparison).savefig(file, format=kind, dpi=DOTS, metadata=metadata)
    file.seek(0)
    replace_file(path, file)


def picture(comparison: Comparison) -> Figure:
    """Return the picture."""
    measures = list(dict.fromkeys(Measure(row.task, row.scorer) for row in comparison.rows))
    models = list(comparison.models)
    if len(measures) * len(models) > MOST_ROWS:
        raise UsageError(
            f"{len(measures)} measures of {len(models)} models are too many for one picture: "
            "choose some of them by task or by scorer."
        )
    height = len(measures) * (SPACE + ROW_HEIGHT * len(models)) + SPACE / 2
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(len(measures), 2, squeeze=False, width_ratios=(1, 1))
    for measure, (left, right) in zip(measures, panels, strict=True):
        _prepare(left, right, models)
        left.set_title(shortened(str(measure), LONGEST_TITLE), loc="left", fontsize="medium", **PLAIN)
        _draw_scores(left, models, [row for row in comparison.scores if (row.task, row.scorer) == measure])
        _draw_differences(right, models, [row for row in comparison.rows if (row.task, row.scorer) == measure])
    interval = f"({100 * comparison.confidence:g} % interval"
    panels[-1][0].set_xlabel(f"score\n{interval})")
    panels[-1][1].set_xlabel(
        f"difference from {_labels(models)[0]}\n{interval}, p corrected by Holm's method)", **PLAIN
    )
    return figure


def _labels(names: Sequence[str]) -> list[str]:
    """Return what stands beside the rows; with their numbers where two would look alike."""
    labels = [shortened(name, LONGEST_NAME) for name in names]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{number}. {shortened(name, LONGEST_NAME - 4)}" for number, name in enumerate(names, start=1)]


def _prepare(left: Axes, right: Axes, models: Sequence[str]) -> None:
    for axes in (left, right):
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.grid(axis="x", color="#DDDDDD")
        axes.set_axisbelow(True)
        axes.spines[["top", "left", "right"]].set_visible(False)
    left.set_yticks(range(len(models)), _labels(models), **PLAIN)
    right.yaxis.tick_right()
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)


def _draw_scores(axes: Axes, models: Sequence[str], rows: Sequence[Score]) -> None:
    for row in rows:
        _draw_point(axes, models.index(row.model), row.score, row.interval)
    reached = [limit for row in rows for limit in (row.score, *(row.interval or ()))]
    if all(0 <= limit <= 1 for limit in reached):
        axes.set_xlim(-0.02, 1.02)


def _draw_differences(axes: Axes, models: Sequence[str], rows: Sequence[Difference]) -> None:
    axes.axvline(0, color=COLOURS[0], linewidth=1)
    said = {row.model: "p < 0.001" if row.p_holm < LEAST else f"p = {row.p_holm:.3f}" for row in rows}
    axes.set_yticks(range(len(models)), [said.get(name, "") for name in models])
    for row in rows:
        _draw_point(axes, models.index(row.model), row.difference, row.interval)
    axes.margins(x=0.08)


def _draw_point(axes: Axes, place: int, value: float, interval: tuple[float, float] | None) -> None:
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    # rounding may put a limit on the wrong side of the value by a hair
    low, high = interval or (value, value)
    reach = [[max(0.0, value - low)], [max(0.0, high - value)]]
    axes.errorbar(
        [value], [place], xerr=reach if interval else None, color=colour, marker=marker, markersize=6, capsize=4
    )


__all__ = ["draw", "picture"]
