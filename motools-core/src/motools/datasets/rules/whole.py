"""What is asked of a dataset as a whole, after it was read to its end.

A rule for the whole takes a `Summary` and yields a line and a sentence for each thing that is wrong; the line is None
where no line is to blame:

    def is_small(summary):
        if summary.size > 10**9:
            yield None, "is larger than a gigabyte."
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

NAMED = 10
"""How many lines a finding names."""


@dataclass(kw_only=True)
class Matches:
    """Lines whose record is also on another line; how many there are, and the first of them."""

    count: int = 0
    lines: list[int] = field(default_factory=list)
    """The first `NAMED`."""
    other: int = 0
    """The line that the first of them is the same as."""

    def add(self, line: int, other: int) -> None:
        """Count a line that has the same record as another."""
        self.count += 1
        if self.count == 1:
            self.other = other
        if len(self.lines) < NAMED:
            self.lines.append(line)

    def __str__(self) -> str:
        named = f"line{'' if self.count == 1 else 's'} {', '.join(map(str, self.lines))}"
        rest = self.count - len(self.lines)
        return f"{named} and {rest:,} more" if rest else named


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is known of a dataset once it was read."""

    records: int
    size: int
    """In bytes."""
    repeats: Matches = field(default_factory=Matches)
    """Lines whose record is on an earlier line too, however its JSON is spelt."""
    shared: Matches = field(default_factory=Matches)
    """Lines of a validation set whose record is in the training set too; `other` is a line there."""
    trained_on: str | None = None
    """Of a validation set, the name of the training set that it belongs to."""
    compared_until: int | None = None
    """The line from which on records were compared with those before it only; see `motools.datasets.sameness`."""


WholeRule: TypeAlias = Callable[[Summary], Iterator[tuple[int | None, str]]]


def has_no_repeats(summary: Summary) -> Iterator[tuple[int | None, str]]:
    """Find records that are there more than once: an epoch trains on them as often."""
    found = summary.repeats
    if found.count:
        first = f"is the same record as line {found.other}."
        yield found.lines[0], f"{first} {_how_many(found, summary)} an earlier one: {found}."
    if summary.compared_until:
        many = "this record and those after it were compared with those before it only: there are too many to remember."
        yield summary.compared_until, many


def is_held_out(summary: Summary) -> Iterator[tuple[int | None, str]]:
    """Find records of a validation set that are trained on: what is measured on them is memory."""
    found = summary.shared
    if found.count:
        first = f"is trained on as well: {summary.trained_on}:{found.other} is the same record."
        yield found.lines[0], f"{first} {_how_many(found, summary)} one of the training set: {found}."


def _how_many(found: Matches, summary: Summary) -> str:
    return f"{found.count:,} of {summary.records:,} records repeat{'s' if found.count == 1 else ''}"


__all__ = ["Matches", "Summary", "WholeRule", "has_no_repeats", "is_held_out"]
