"""Tools: the functions that a conversation offers, the calls that the assistant makes, and the answers to them.

Services and chat templates differ in how they write a call (with or without an id, arguments as text or as an object), so
that what is asked of its shape here is what all of them need. A service that asks for more adds rules of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.datasets.jsonl import json_type
from motools.datasets.rules.base import messages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def tools_are_functions(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that tools, where there are any, are a list of functions with a name."""
    tools = record.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list):
        yield f"'tools' is {json_type(tools)}, not a list of functions."
        return
    for number, tool in enumerate(tools, start=1):
        if not isinstance(tool, dict):
            yield f"tool {number} is {json_type(tool)}, not an object."
        elif not isinstance(_function_of(tool).get("name"), str):
            yield f"tool {number} names no function; a tool looks like {_TOOL}."


def tool_calls_are_objects(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that calls, where there are any, are a list of objects, and that a function in one has a name."""
    for number, message in messages_of(record):
        calls = message.get("tool_calls")
        if calls is None:
            continue
        if not isinstance(calls, list):
            yield f"message {number} has {json_type(calls)} as its 'tool_calls'; it must be a list."
            continue
        for place, call in enumerate(calls, start=1):
            if complaint := _about_call(call):
                yield f"message {number}, tool call {place}, {complaint}"


def tool_messages_answer_calls(record: Mapping[str, Any]) -> Iterator[str]:
    """Find answers to a call, by its id, that nobody made."""
    called: set[str] = set()
    for number, message in messages_of(record):
        if message.get("role") == "assistant":
            called.update(call_ids(message))
        elif message.get("role") == "tool":
            answered = message.get("tool_call_id")
            if isinstance(answered, str) and answered not in called:
                yield f"message {number} answers the tool call {answered!r}, which no message before it makes."


def tool_calls_are_answered(record: Mapping[str, Any]) -> Iterator[str]:
    """Find an assistant who speaks on directly after calling a tool."""
    calls_before = False
    for number, message in messages_of(record):
        from_assistant = message.get("role") == "assistant"
        if from_assistant and calls_before:
            yield f"message {number}, from the assistant, follows a tool call of its own that no tool has answered."
        calls_before = from_assistant and bool(message.get("tool_calls"))


def call_ids(message: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of the calls that a message makes."""
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and isinstance(call.get("id"), str):
            yield call["id"]


def _about_call(call: object) -> str | None:
    if not isinstance(call, dict):
        return f"is {json_type(call)}, not an object."
    if "function" in call and not isinstance(call["function"], dict):
        return f"has {json_type(call['function'])} as its 'function'; it must be an object."
    function = _function_of(call)
    if "function" in call and not isinstance(function.get("name"), str):
        return "has a function without a name."
    arguments = function.get("arguments")
    if arguments is None or isinstance(arguments, (str, dict)):
        return None
    return f"has {json_type(arguments)} as its 'arguments'; it must be JSON text or an object."


def _function_of(outer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what describes the function: the object under 'function', or, where the wrapper is left out, all of it."""
    function = outer.get("function", outer)
    return function if isinstance(function, dict) else {}


_TOOL = '{"type": "function", "function": {"name": …}}'

__all__ = [
    "call_ids",
    "tool_calls_are_answered",
    "tool_calls_are_objects",
    "tool_messages_answer_calls",
    "tools_are_functions",
]
