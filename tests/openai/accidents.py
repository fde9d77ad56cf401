"""What becomes of a record by one accident: something in it replaced, left out, repeated, or added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = [None, True, 0, 2, 0.5, 1.0, "", "text", "assistant", "<|endoftext|>", [], ["text"], {}]
VALUES += [{"type": "text", "text": "text"}]
KEYS = ["role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal", "tools", "extra"]


def accidents(value: Any) -> Iterator[Any]:
    """Yield the value after each accident that can happen to it, one at a time; the value itself is left as it is."""
    yield from VALUES
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from ({**value, key: other} for other in accidents(inner))
        yield from ({**value, key: other} for key in KEYS if key not in value for other in VALUES)
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield [*value[:place], *value[place + 1 :]]
            yield [*value[:place], inner, inner, *value[place + 1 :]]
            yield from ([*value[:place], other, *value[place + 1 :]] for other in accidents(inner))
