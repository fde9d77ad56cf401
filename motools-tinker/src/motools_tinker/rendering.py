"""Conversations as tokens, with a weight for each: how much of the loss it carries.

By default the tokenizer's own chat template renders, and which tokens a message of the assistant is made of is found by
rendering as well: what comes before it is the prompt that the model would be given (the messages so far, and the beginning
of an answer), and its own tokens are what rendering it adds. Each of those must continue the one before; a template that
goes back on what it wrote (Qwen3's takes the reasoning out of earlier answers) is an error that names the message.
Messages without loss are only context, and may be rendered in any way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    Messages: TypeAlias = Sequence[Mapping[str, Any]]
    Renderer: TypeAlias = "Callable[[Any, Messages], tuple[Sequence[int], Sequence[float]]]"


@dataclass(frozen=True, kw_only=True)
class Example:
    """A conversation to train on."""

    tokens: Sequence[int]
    weights: Sequence[float]
    """One for each token. The first of all is predicted by nothing, so its weight is never used."""

    @property
    def weight(self) -> float:
        """The weights of all that is learned, together."""
        return float(sum(self.weights[1:]))

    def cut(self, length: int) -> Example:
        """Return the first `length` tokens."""
        return Example(tokens=self.tokens[:length], weights=self.weights[:length])


class RenderError(Exception):
    """A conversation cannot be rendered so that what is learned is known; the message says why."""


class TemplateRenderer:
    """Renders with the tokenizer's chat template."""

    def __init__(self, tokenizer: Any, *, train_on: str = "all", options: Mapping[str, Any] | None = None) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise RenderError(
                "the model's tokenizer has no chat template. Use a chat model, or give a renderer of your own "
                "(the hyperparameter renderer='module:function')."
            )
        self.tokenizer = tokenizer
        self._train_on = train_on
        self._options = dict(options or {})

    def __call__(self, messages: Messages) -> Example:
        """Encode one conversation. Raises `RenderError`."""
        text, tokens, weights = "", list[int](), list[float]()
        for position, weight in self._learned(messages):
            where = f"message {position + 1}, from the assistant,"
            prompt = self.text(messages[:position], answer_next=True, where=where)
            asked = self._continue(text, tokens, prompt, f"what comes before {where}")
            text = self.text(messages[: position + 1], where=where)
            answered = self._continue(prompt, tokens + asked, text, where)
            tokens += asked + answered
            weights += [0.0] * len(asked) + [weight] * len(answered)
        return Example(tokens=tokens, weights=weights)

    def text(self, messages: Messages, *, answer_next: bool = False, where: str = "it") -> str:
        """Return what the template makes of messages. Raises `RenderError` that begins with `where`."""
        import jinja2

        spoken = [dict(message) | {"content": as_text(message.get("content"))} for message in messages]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    spoken, tokenize=False, add_generation_prompt=answer_next, **self._options
                )
            )
        except (jinja2.TemplateError, TypeError, ValueError, IndexError, KeyError) as error:
            raise RenderError(f"{where} cannot be rendered by the model's chat template: {error}") from error

    def prompt(self, messages: Messages) -> list[int]:
        """Return the tokens after which the model answers."""
        return self._tokens(self.text(messages, answer_next=True))

    def ends(self) -> set[int]:
        """Return the tokens with which an answer ends: the tokenizer's own end, and the one that the template writes."""
        asked = [{"role": "user", "content": "a"}]
        prompt = self.text(asked, answer_next=True)
        answered = self.text([*asked, {"role": "assistant", "content": "b"}])
        found = {self.tokenizer.eos_token_id} - {None}
        if answered.startswith(prompt):
            after = self._tokens(answered[len(prompt) :].rpartition("b")[2])
            found |= set(after[:1]) & set(self.tokenizer.added_tokens_decoder)
        return found

    def _learned(self, messages: Messages) -> list[tuple[int, float]]:
        """Return the places of the messages that carry loss, with their weights."""
        ours = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
        default = {place: float(self._train_on == "all" or place == ours[-1]) for place in ours}
        given = [(place, float(messages[place].get("weight", default[place]))) for place in ours]
        return [(place, weight) for place, weight in given if weight]

    def _tokens(self, text: str) -> list[int]:
        # The template has written every special token there is; the tokenizer must not add its own.
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _continue(self, text: str, tokens: list[int], longer: str, what: str) -> list[int]:
        """Return the tokens by which `longer` continues `text`, whose tokens are `tokens`."""
        if not longer.startswith(text):
            raise RenderError(
                f"{what} is rendered in a way that changes what stands before it: the model's chat template does not go "
                f"on from {text[-40:]!r}. Give the earlier answers \"weight\": 0, or train_on='last', or make a "
                f"conversation of its own for each answer that is to be learned."
            )
        together = self._tokens(longer)
        if together[: len(tokens)] == tokens:
            return together[len(tokens) :]
        # A token may reach across the border, as with an answer that begins with a newline. A model that answers has
        # the prompt's tokens before it, so the two sides are tokenized apart, if that spells the same text.
        apart = self._tokens(longer[len(text) :])
        if self.tokenizer.decode(tokens + apart) == self.tokenizer.decode(together):
            return apart
        raise RenderError(
            f"{what} has other tokens on its own than in its conversation; this tokenizer cannot be used."
        )


class OwnRenderer:
    """Renders with a function that the user names: `render(tokenizer, messages) -> (tokens, weights)`."""

    def __init__(self, tokenizer: Any, function: Renderer, name: str) -> None:
        self.tokenizer, self._function, self._name = tokenizer, function, name

    def __call__(self, messages: Messages) -> Example:
        """Encode one conversation. Raises `RenderError` where the function does, or gives something else."""
        try:
            tokens, weights = self._function(self.tokenizer, messages)
            example = Example(tokens=[int(token) for token in tokens], weights=[float(weight) for weight in weights])
        except Exception as error:
            raise RenderError(f"the renderer {self._name} raised {type(error).__name__}: {error}") from error
        if len(example.tokens) != len(example.weights):
            raise RenderError(
                f"the renderer {self._name} gave {len(example.tokens)} tokens and {len(example.weights)} weights; there "
                f"must be one weight for each token."
            )
        return example


def as_text(content: Any) -> Any:
    """Join the parts of a content made of text only: few templates know parts."""
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "".join(part["text"] for part in content)
    return "" if content is None else content


__all__ = ["Example", "OwnRenderer", "RenderError", "TemplateRenderer", "as_text"]
