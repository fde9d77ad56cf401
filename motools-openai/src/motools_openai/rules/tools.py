"""Tools as OpenAI takes them: functions, calls with an id and arguments as text, and answers that name their call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from motools.datasets.rules import messages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_FUNCTIONS = 128
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TOOL = '{"type": "function", "function": {"name": …}}'


def tools_are_whole(record: Mapping[str, Any]) -> Iterator[str]:
    """Require tools of the type function, not too many, with names that OpenAI takes."""
    tools = record.get("tools", [])
    if tools is None:
        yield "'tools' is null; leave it out where there are none."
    if not isinstance(tools, list):
        return
    yield from _not_too_many(tools, "tools")
    for number, tool in enumerate(tools, start=1):
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        if tool.get("type") != "function" or "function" not in tool:
            yield f"tool {number} must look like {_TOOL}."
        else:
            yield from (f"tool {number} {complaint}" for complaint in _about_function(function))


def functions_are_whole(record: Mapping[str, Any]) -> Iterator[str]:
    """Require the same of functions, which tools have replaced."""
    functions = record.get("functions")
    if "functions" not in record:
        return
    if not isinstance(functions, list) or not functions:
        yield "'functions' must be a list with something in it; leave it out where there are none."
        return
    yield from _not_too_many(functions, "functions")
    for number, function in enumerate(functions, start=1):
        if isinstance(function, dict):
            yield from (f"function {number} {complaint}" for complaint in _about_function(function))
        else:
            yield f"function {number} is no object."


def parallel_tool_calls_is_a_switch(record: Mapping[str, Any]) -> Iterator[str]:
    """Require true or false."""
    if not isinstance(record.get("parallel_tool_calls", True), bool):
        yield "'parallel_tool_calls' must be true or false."


def tool_calls_are_whole(record: Mapping[str, Any]) -> Iterator[str]:
    """Require of each call an id, the type function, a name, and arguments as JSON text."""
    for number, message in messages_of(record):
        if "tool_calls" in message:
            yield from (f"message {number}{complaint}" for complaint in _about_calls(message["tool_calls"]))
        if message.get("function_call") is not None:
            yield from (f"message {number}, 'function_call', {each}" for each in _about_call(message["function_call"]))


def tool_messages_name_their_call(record: Mapping[str, Any]) -> Iterator[str]:
    """Require of a tool's message the id of the call that it answers."""
    for number, message in messages_of(record):
        if message.get("role") == "tool" and not isinstance(message.get("tool_call_id"), str):
            yield f"message {number}, from a tool, has no 'tool_call_id': the id of the call that it answers."


def _not_too_many(functions: list[Any], key: str) -> Iterator[str]:
    if len(functions) > MOST_FUNCTIONS:
        yield f"has {len(functions)} functions in {key!r}; OpenAI takes at most {MOST_FUNCTIONS}."


def _about_function(function: Mapping[str, Any]) -> Iterator[str]:
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"has the name {name!r}; OpenAI takes 1 to 64 of the characters a-z, A-Z, 0-9, _ and -."
    if not isinstance(function.get("parameters", {}), dict):
        yield "has 'parameters' that are no object; they are a JSON Schema."
    if not isinstance(function.get("description", ""), str):
        yield "has a 'description' that is no text."
    if not isinstance(function.get("strict"), bool | None):
        yield "has a 'strict' that is neither true nor false."


def _about_calls(calls: object) -> Iterator[str]:
    if calls is None or calls == []:
        yield " has 'tool_calls' without a call in them; leave them out."
    for place, call in enumerate(calls if isinstance(calls, list) else (), start=1):
        if not isinstance(call, dict):
            continue
        where = f", tool call {place},"
        if not isinstance(call.get("id"), str):
            yield f"{where} has no 'id'."
        if call.get("type") != "function":
            yield f"{where} has no 'type', which must be 'function'."
        if "function" not in call:
            yield f"{where} has no 'function'."
        elif isinstance(call["function"], dict):
            yield from (f"{where} {complaint}" for complaint in _about_call(call["function"]))


def _about_call(function: object) -> Iterator[str]:
    if not isinstance(function, dict):
        yield "is no object."
        return
    if not isinstance(function.get("name"), str):
        yield "names no function."
    if not isinstance(function.get("arguments"), str):
        yield "has no 'arguments' as text; an object must be written as a string of JSON."


__all__ = [
    "MOST_FUNCTIONS",
    "functions_are_whole",
    "parallel_tool_calls_is_a_switch",
    "tool_calls_are_whole",
    "tool_messages_name_their_call",
    "tools_are_whole",
]
