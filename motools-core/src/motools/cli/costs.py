"""What a run was expected to cost and what it has cost, as the command line shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.money import money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.training.estimate import Estimate


def estimated(estimate: Estimate | None) -> dict[str, str]:
    """Return an estimate as names and values for people; what is not known is "unknown"."""
    if estimate is None:
        return {"cost": "unknown"}
    about = "" if estimate.is_exact else "about "
    return {
        "examples": _number(estimate.examples),
        "tokens": _number(estimate.tokens, about),
        "epochs": "unknown" if estimate.epochs is None else f"{estimate.epochs:g}",
        "cost": "unknown" if estimate.cost is None else f"{about}{money(estimate.cost, estimate.currency)}",
    }


def billed(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the `trained_tokens` and the `cost` of a run by its metadata; None as long as its service has not said them."""
    tokens = metadata.get("trained_tokens")
    return None if tokens is None else {"trained_tokens": tokens, "cost": metadata.get("cost")}


def spent(estimate: Estimate | None, metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return what a run was expected to cost, and has cost, for people; nothing where neither is known."""
    rows, bill = {}, billed(metadata)
    if estimate is not None:
        expected = estimated(estimate)
        rows["expected"] = f"{expected['tokens']} tokens, {expected['cost']}"
    if bill is not None:
        rows["billed"] = f"{_number(bill['trained_tokens'])} tokens, {money(bill['cost'])}"
    return rows


def _number(number: int | None, about: str = "") -> str:
    return "unknown" if number is None else f"{about}{number:,}"


__all__ = ["billed", "estimated", "spent"]
