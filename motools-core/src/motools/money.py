"""An amount of money, as people read it."""

from __future__ import annotations


def money(amount: float | None, currency: str = "USD") -> str:
    """Return an amount with at least two decimals and at most four; "unknown" for None."""
    if amount is None:
        return "unknown"
    whole, _, decimals = f"{amount:,.4f}".partition(".")
    number = f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"
    return f"${number}" if currency == "USD" else f"{number} {currency}"


__all__ = ["money"]
