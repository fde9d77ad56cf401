"""How many tokens of a dataset are trained on in one pass.

Conversations are counted as OpenAI's cookbook counts those that are sent to a model ("How to count tokens with tiktoken",
openai/openai-cookbook, `num_tokens_from_messages` and `num_tokens_for_tools`):

    a conversation    3, and its messages and tools
    a message         3, and the tokens of every text in it: role, content, name (and 1 for having one)…
    tools             12, and for each function 7 (10 with the vocabulary cl100k_base) and the tokens of `name:description`;
                      3 for having parameters, and for each of them 3 and the tokens of `name:type:description`;
                      for a parameter with an enum 3 less, and for each of its values 3 and its tokens

The cookbook calls its counts an estimate. It says nothing of calls of tools, which are counted here as the texts of their
name and arguments, nor of what a parameter's schema has further, which is counted as its JSON. A pair of preferences counts
as one conversation with both answers, since what is billed are the tokens of the dataset. What an image costs depends on
its size, and is not counted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from motools import Dataset
    from motools_openai.tokens import Counter

PER_CONVERSATION = 3
PER_MESSAGE = 3
PER_NAME = 1
FUNCTIONS_END = 12
PER_FUNCTION = {"o200k_base": 7, "cl100k_base": 10}
PER_PARAMETERS = 3
PER_PARAMETER = 3
PER_ENUM = -3
PER_ENUM_VALUE = 3
CALLS = ("tool_calls", "function_call")


@dataclass(kw_only=True)
class Tally:
    """What has been counted of a dataset."""

    examples: int = 0
    tokens: int = 0
    """Of one pass; an example that is too long counts as far as it is trained on."""
    truncated: int = 0
    """Examples that are too long."""
    with_images: int = 0
    """Examples with an image, which is not counted."""
    with_tools: int = 0
    """Examples with tools or calls of tools, which are counted by a rule that may not be the service's."""


class Counting:
    """Counts the examples of one dataset; `longest` is how many tokens of an example are trained on at most."""

    def __init__(self, counter: Counter, *, encoding: str, longest: int | None, is_preference: bool) -> None:
        self.tally = Tally()
        self._counter = counter
        self._per_function = PER_FUNCTION[encoding]
        self._longest = longest
        self._is_preference = is_preference
        self._has_image = self._has_tools = False

    def add_all(self, dataset: Dataset, is_stopped: Callable[[], bool]) -> Tally:
        """Count a dataset in the memory of one example, until its end or until `is_stopped`.

        Raises `DatasetError`, with file and line, for an example without messages: it would count as nothing.
        """
        for line, record in dataset.numbered():
            if is_stopped():
                break
            messages, tools = self._parts(record)
            if not messages:
                raise DatasetError([f"{dataset.name}:{line}: has no messages to count the tokens of."])
            self._add(messages, tools)
        return self.tally

    def _parts(self, record: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Any]]:
        """Return the messages of an example, and its tools."""
        asked = record.get("input") if self._is_preference else record
        if not isinstance(asked, dict):
            return [], []
        answers = [record.get(name) for name in ("preferred_output", "non_preferred_output") if self._is_preference]
        messages = [message for part in (asked.get("messages"), *answers) for message in _objects(part)]
        return messages, [*_objects(asked.get("tools")), *_objects(asked.get("functions"))]

    def _add(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> None:
        self._has_image, self._has_tools = False, bool(tools)
        tokens = PER_CONVERSATION + (self._of_tools(tools) if tools else 0)
        longest = self._longest
        for message in messages:
            tokens += self._of_message(message)
            if longest is not None and tokens > longest:
                tokens = longest
                self.tally.truncated += 1
                break
        self.tally.examples += 1
        self.tally.tokens += tokens
        self.tally.with_images += self._has_image
        self.tally.with_tools += self._has_tools

    def _of_message(self, message: Mapping[str, Any]) -> int:
        tokens, counter = PER_MESSAGE, self._counter
        for field, value in message.items():
            if field == "content":
                tokens += counter.text(value) if isinstance(value, str) else self._of_content(value)
            elif isinstance(value, str):
                tokens += counter.word(value) + (PER_NAME if field == "name" else 0)
            elif field in CALLS and value:
                self._has_tools = True
                tokens += self._of_calls(value)
        return tokens

    def _of_content(self, parts: Any) -> int:
        tokens = 0
        for part in _objects(parts):
            if isinstance(part.get("text"), str):
                tokens += self._counter.text(part["text"])
            elif part.get("type") == "image_url":
                self._has_image = True
            else:
                tokens += self._of_json(part)
        return tokens

    def _of_calls(self, calls: Any) -> int:
        """Count calls of tools, in the present form, a list of them, or in the old one, a call by itself."""
        called = [call.get("function", call) for call in _objects(calls if isinstance(calls, list) else [calls])]
        texts = [call.get(field) for call in _objects(called) for field in ("name", "arguments")]
        return sum(self._counter.text(text) for text in texts if isinstance(text, str))

    def _of_tools(self, tools: Sequence[Mapping[str, Any]]) -> int:
        functions = _objects([tool.get("function", tool) for tool in tools])
        return FUNCTIONS_END + sum(self._of_function(function) for function in functions)

    def _of_function(self, function: Mapping[str, Any]) -> int:
        described = f"{function.get('name', '')}:{_sentence(function)}"
        tokens = self._per_function + self._counter.word(described)
        schema = function.get("parameters")
        properties = schema.get("properties") if isinstance(schema, dict) else None
        if isinstance(properties, dict) and properties:
            tokens += PER_PARAMETERS
            tokens += sum(self._of_parameter(name, each) for name, each in properties.items())
        return tokens

    def _of_parameter(self, name: str, schema: Any) -> int:
        if not isinstance(schema, dict):
            return PER_PARAMETER + self._of_json(schema)
        kind = schema.get("type", "")
        described = f"{name}:{kind if isinstance(kind, str) else json.dumps(kind)}:{_sentence(schema)}"
        tokens = PER_PARAMETER + self._counter.word(described)
        values = schema.get("enum")
        if isinstance(values, list):
            tokens += PER_ENUM
            tokens += sum(PER_ENUM_VALUE + self._counter.word(str(value)) for value in values)
        rest = {key: value for key, value in schema.items() if key not in {"type", "description", "enum"}}
        return tokens + (self._of_json(rest) if rest else 0)

    def _of_json(self, value: Any) -> int:
        return self._counter.word(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _objects(values: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list; of what is no list, none: to say what is wrong with data is not for us."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _sentence(described: Mapping[str, Any]) -> str:
    """Return the description of a function or parameter, without its full stop."""
    return str(described.get("description") or "").removesuffix(".")


__all__ = ["Counting", "Tally"]
