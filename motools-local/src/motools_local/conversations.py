"""Conversations as tokens, with the loss on what the assistant says.

Which tokens an assistant message is made of is found by rendering, so that it holds for any chat template: what comes
before it is the prompt that the model would be given (the messages so far, and the beginning of an answer), and its own
tokens are what rendering it adds to that. Each rendering must continue the one before; a template that goes back on what
it wrote is an error that names the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

IGNORED = -100
"""The label of a token that carries no loss; the value is torch's."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A conversation to train on."""

    input_ids: list[int]
    labels: list[int]
    """As `input_ids` where the assistant speaks, `IGNORED` elsewhere."""

    @property
    def learned(self) -> int:
        """How many tokens carry loss. The first token of all is predicted by nothing."""
        return sum(label != IGNORED for label in self.labels[1:])

    def cut(self, length: int) -> Example:
        """Return the first `length` tokens."""
        return Example(input_ids=self.input_ids[:length], labels=self.labels[:length])


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """All conversations of a dataset."""

    examples: list[Example]
    truncated: int
    """How many were longer than `max_length`."""
    left_out: int
    """How many of those had nothing of the assistant in what was kept."""


class TemplateError(Exception):
    """A conversation cannot be rendered so that the assistant's tokens are known; the message says why."""


def encode_all(
    tokenizer: Any, records: Iterable[tuple[int, Mapping[str, Any]]], *, max_length: int, name: str
) -> Encoded:
    """Encode numbered records. Raises `DatasetError` that names file and line, also when nothing is left to learn."""
    if not getattr(tokenizer, "chat_template", None):
        raise DatasetError(
            [
                f"{name}: the model's tokenizer has no chat template, so conversations cannot be rendered. Use a chat model."
            ]
        )
    examples = []
    truncated = left_out = 0
    for number, record in records:
        try:
            example = encode(tokenizer, record["messages"])
        except TemplateError as error:
            raise DatasetError([f"{name}:{number}: {error}"]) from error
        if len(example.input_ids) > max_length:
            truncated += 1
            example = example.cut(max_length)
        if example.learned:
            examples.append(example)
        else:
            left_out += 1
    if not examples:
        raise DatasetError(
            [f"{name}: no conversation has a word of the assistant in its first {max_length} tokens. Raise max_length."]
        )
    return Encoded(examples=examples, truncated=truncated, left_out=left_out)


def encode(tokenizer: Any, messages: Sequence[Mapping[str, Any]]) -> Example:
    """Encode one conversation. Raises `TemplateError`. A message of the assistant with `"weight": 0` carries no loss."""
    text, tokens, labels = "", list[int](), list[int]()
    for position, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        where = f"message {position + 1}, from the assistant,"
        prompt = _render(tokenizer, messages[:position], where, answer_next=True)
        prompt_tokens = _continue(tokenizer, text, tokens, prompt, f"what comes before {where}")
        whole = _render(tokenizer, messages[: position + 1], where)
        answer_tokens = _continue(tokenizer, prompt, tokens + prompt_tokens, whole, where)
        text = whole
        tokens += prompt_tokens + answer_tokens
        labels += [IGNORED] * len(prompt_tokens)
        labels += [IGNORED] * len(answer_tokens) if message.get("weight") == 0 else answer_tokens
    return Example(input_ids=tokens, labels=labels)


def _render(tokenizer: Any, messages: Sequence[Mapping[str, Any]], where: str, *, answer_next: bool = False) -> str:
    import jinja2

    spoken = [dict(message) | {"content": _text(message.get("content"))} for message in messages]
    try:
        return str(tokenizer.apply_chat_template(spoken, tokenize=False, add_generation_prompt=answer_next))
    except (jinja2.TemplateError, TypeError, ValueError, IndexError, KeyError) as error:
        raise TemplateError(f"{where} cannot be rendered by the model's chat template: {error}") from error


def _text(content: Any) -> Any:
    """Join the parts of a content made of text only: few templates know parts."""
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "".join(part["text"] for part in content)
    return "" if content is None else content


def _continue(tokenizer: Any, text: str, tokens: list[int], longer: str, what: str) -> list[int]:
    """Return the tokens by which `longer` continues `text`, whose tokens are `tokens`."""
    if not longer.startswith(text):
        raise TemplateError(
            f"{what} is rendered in a way that changes what stands before it: the model's chat template does not go on "
            f"from {text[-40:]!r}. Make a conversation of its own for each answer that is to be learned."
        )
    # The template has written every special token there is; the tokenizer must not add its own.
    together: list[int] = tokenizer(longer, add_special_tokens=False)["input_ids"]
    if together[: len(tokens)] == tokens:
        return together[len(tokens) :]
    # A token may reach across the border, as with an answer that begins with a newline. A model that answers has the
    # prompt's tokens before it, so the two sides are tokenized apart, if that spells the same text.
    apart: list[int] = tokenizer(longer[len(text) :], add_special_tokens=False)["input_ids"]
    if tokenizer.decode(tokens + apart) == tokenizer.decode(together):
        return apart
    raise TemplateError(f"{what} has other tokens on its own than in its conversation; this tokenizer cannot be used.")


__all__ = ["IGNORED", "Encoded", "Example", "TemplateError", "encode", "encode_all"]
