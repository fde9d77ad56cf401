"""A job as Azure shows it: the same fields, and nothing in several of them."""

from __future__ import annotations

from typing import Any

NULL = ("organization_id", "integrations", "metadata", "method")
ABSENT = ("user_provided_suffix", "usage_metrics", "shared_with_openai")


def as_azure_shows(payload: dict[str, Any]) -> dict[str, Any]:
    shown = {name: None if name in NULL else value for name, value in payload.items() if name not in ABSENT}
    return shown if payload["status"] == "failed" else {**shown, "error": None}
