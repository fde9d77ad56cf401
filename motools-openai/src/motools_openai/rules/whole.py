"""How much data OpenAI asks for, and how much it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from motools.datasets.rules import Summary

FEWEST_EXAMPLES = 10
LARGEST_FILE = 8 * 2**30
"""Bytes that an upload in parts can have."""
LARGEST_AT_ONCE = 512 * 2**20
"""Bytes that OpenAI's description gives a file; whether fine-tuning takes a larger one, made of parts, it does not say."""


def has_enough(summary: Summary) -> Iterator[tuple[int | None, str]]:
    """Require ten examples to train on; a validation set may have fewer."""
    if summary.trained_on is None and summary.records < FEWEST_EXAMPLES:
        count = f"{summary.records} example{'' if summary.records == 1 else 's'}"
        yield None, f"has {count}; OpenAI trains on no fewer than {FEWEST_EXAMPLES}."


def is_not_too_large(summary: Summary) -> Iterator[tuple[int | None, str]]:
    """Refuse a file that is larger than a training file can be."""
    if summary.size > LARGEST_FILE:
        size = f"{summary.size / 2**20:,.0f} MB"
        yield None, f"has {size}; OpenAI takes files of at most {LARGEST_FILE >> 20:,} MB."


def is_large(summary: Summary) -> Iterator[tuple[int | None, str]]:
    """Point out a file that has to be uploaded in parts."""
    if LARGEST_AT_ONCE < summary.size <= LARGEST_FILE:
        size = f"{summary.size / 2**20:,.0f} MB"
        yield (
            None,
            f"has {size}; a file of more than {LARGEST_AT_ONCE >> 20} MB is uploaded in parts, and may be refused.",
        )


__all__ = ["FEWEST_EXAMPLES", "LARGEST_AT_ONCE", "LARGEST_FILE", "has_enough", "is_large", "is_not_too_large"]
