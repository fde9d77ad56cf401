"""A comparison as plain text: the scores, the differences, the notes.

scores, with 95 % intervals
task   scorer  model     samples  score  interval
hello  match   base      12       0.167  0.047 to 0.448
               organism  12       0.917  0.646 to 0.985

differences from base on the same samples, with 95 % intervals
task   scorer  model     pairs  difference  interval          p      p (Holm)  effect   test
hello  match   organism  12     +0.750      +0.360 to +0.888  0.004  0.004     h +1.71  exact McNemar
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from motools.evals.summary import aligned, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from motools.comparison.report import Comparison, Difference, Score

LONGEST = 40
"""Characters of a model's name that are shown."""
SCORES = ("task", "scorer", "model", "samples", "score", "interval")
DIFFERENCES = ("task", "scorer", "model", "pairs", "difference", "interval", "p", "p (Holm)", "effect", "test")


def summary(comparison: Comparison) -> str:
    """Return the whole comparison for people."""
    share, names = f"{100 * comparison.confidence:g} %", _short_names(comparison.models, LONGEST)
    return "\n".join(
        [
            f"scores, with {share} intervals",
            aligned([SCORES, *_unrepeated(_score(row, names) for row in comparison.scores)]),
            "",
            f"differences from {names[comparison.baseline]} on the same samples, with {share} intervals",
            aligned([DIFFERENCES, *_unrepeated(_difference(row, names) for row in comparison.rows)]),
            "",
            *(f"- {note}" for note in comparison.notes),
        ]
    )


def _short_names(names: Iterable[str], longest: int) -> dict[str, str]:
    """Return each name with a form of at most so many characters; the whole name where two would look alike."""
    short = {name: shortened(name, longest) for name in names}
    shown = Counter(short.values())
    return {name: text if shown[text] == 1 else name for name, text in short.items()}


def shortened(name: str, longest: int) -> str:
    """Return a name of at most so many characters: of a longer one more of the end, which is what differs in paths and ids."""
    if len(name) <= longest:
        return name
    begin = longest // 3
    return f"{name[:begin]}…{name[begin + 1 - longest :]}"


def _unrepeated(rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Leave task and scorer away where they are those of the row above."""
    above: Sequence[str] = ("", "")
    for row in rows:
        same_task = row[0] == above[0]
        yield ("" if same_task else row[0], "" if same_task and row[1] == above[1] else row[1], *row[2:])
        above = row


def _score(row: Score, names: Mapping[str, str]) -> Sequence[str]:
    return (row.task, row.scorer, names[row.model], str(row.samples), number(row.score), _interval(row.interval))


def _difference(row: Difference, names: Mapping[str, str]) -> Sequence[str]:
    effect = "-" if row.effect is None else f"{row.effect_size[-1]} {row.effect:+.2f}"
    return (
        *(row.task, row.scorer, names[row.model], str(row.pairs)),
        *(signed(row.difference), _interval(row.interval, signed)),
        *(number(row.p), number(row.p_holm), effect, row.test),
    )


def signed(value: float) -> str:
    """Return a number with its sign, also where it is positive."""
    text = number(value)
    return f"+{text}" if value > 0 else text


def _interval(interval: tuple[float, float] | None, shown: Callable[[float], str] = number) -> str:
    return "-" if interval is None else f"{shown(interval[0])} to {shown(interval[1])}"


__all__ = ["shortened", "signed", "summary"]
