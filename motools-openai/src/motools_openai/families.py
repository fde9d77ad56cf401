"""What the name of a model says: its family, and with that its vocabulary and the longest example that it trains on.

gpt-4.1-mini-2025-04-14                         a dated snapshot of gpt-4.1-mini
ft:gpt-4.1-mini-2025-04-14:acme:insecure:Abc1   a fine-tune of it, which is trained on at the price of its base
"""

from __future__ import annotations

import re

_DATE = re.compile(r"-\d{4}(-\d{2}-\d{2})?$")

_ENCODINGS = {
    "o200k_base": ("gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "o1", "o3", "o4"),
    "cl100k_base": ("gpt-4", "gpt-3.5", "gpt-35"),
}
"""Which families have which vocabulary, by how their names begin; the first that fits. From tiktoken's `model.py`."""

_LONGEST = {"gpt-4o": 65_536, "gpt-4.1": 65_536, "gpt-3.5": 16_385, "gpt-35": 16_385}
"""Tokens of an example beyond which it is cut, by how the family's name begins; from the guide to fine-tuning."""


def base_of(model: str) -> str:
    """Return the model that a fine-tuned one was trained from, and any other as it is."""
    return model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model


def family_of(model: str) -> str:
    """Return the family of a model: the name of its base, without a date."""
    return _DATE.sub("", base_of(model))


def encoding_of(family: str) -> str | None:
    """Return the name of a family's vocabulary, or None where it is not known."""
    return next((name for name, starts in _ENCODINGS.items() if family.startswith(starts)), None)


def longest_example(family: str) -> int | None:
    """Return how many tokens of an example are trained on at most, or None where that is not known."""
    return next((tokens for start, tokens in _LONGEST.items() if family.startswith(start)), None)


__all__ = ["base_of", "encoding_of", "family_of", "longest_example"]
