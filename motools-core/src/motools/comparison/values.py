"""What a score says, as numbers.

    1, 0.25, True                 the number
    "C", "P", "I", "N"            1, 0.5, 0, 0: Inspect's letters for correct, partial, incorrect, no answer
    "yes", "true", "no", "false"  1, 1, 0, 0, in upper case or lower
    "0.25"                        the number
    {"style": 3, "truth": "C"}    a score of its own for each key; a list has positions for keys
    None, NaN, ±infinity          no score
    any other text                not readable

The words and letters are read as `inspect_ai.scorer.value_to_float` does it. What that takes for 0, with a warning,
because it cannot read it, is left out here and reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


def values_of(score: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield each single value of a scorer's score with its name: `SCORER`, or `SCORER/KEY` of a score with parts."""
    if isinstance(score, Mapping):
        for key, part in score.items():
            yield from values_of(part, f"{name}/{key}")
    elif isinstance(score, Sequence) and not isinstance(score, (str, bytes)):
        for position, part in enumerate(score):
            yield from values_of(part, f"{name}/{position}")
    else:
        yield name, score


def as_number(value: Any) -> float | None:
    """Return what a single value counts as; None for no score. Raises ValueError for what is no number and no word for one."""
    if value is None:
        return None
    try:
        number = _spoken(value) if isinstance(value, str) else float(value)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{value!r} is no number") from error
    return number if isfinite(number) else None


def _spoken(text: str) -> float:
    if text in LETTERS:
        return LETTERS[text]
    word = text.lower()
    return WORDS[word] if word in WORDS else float(text)


__all__ = ["as_number", "values_of"]
