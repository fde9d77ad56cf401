"""Inspect's way to models at the service: the provider "motools-tinker", named in the entry-point group `inspect_ai`.

    inspect eval task.py --model motools-tinker/tinker://RUN/sampler_weights/NAME

A conversation becomes tokens as it did in training, by the tokenizer's own chat template, and the model's answer ends where
an answer of the template ends. Arguments: `tokenizer` and `template_options`, as in the hyperparameters of the training.

This is the one module that imports Inspect, which is there when it is loaded: nobody else reads that group.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelCall,
    ModelOutput,
    ModelUsage,
    TopLogprob,
    modelapi,
)

from motools_tinker.problems import Lost, judge
from motools_tinker.renderers import load_tokenizer
from motools_tinker.rendering import TemplateRenderer

if TYPE_CHECKING:
    import tinker
    from inspect_ai.model import ChatMessage
    from inspect_ai.tool import ToolChoice, ToolInfo
    from tinker import types

AT_ONCE = 64
"""Requests that are under way at a time."""
LONGEST = 2048
"""Tokens of an answer, where nobody says: one that does not end would cost without end."""
THINKING = ("<think>", "</think>")


@modelapi(name="motools-tinker")
class TinkerModel(ModelAPI):
    """A model at the service, asked through the SDK."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        *,
        tokenizer: str | None = None,
        template_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(model_name, base_url, api_key, ["TINKER_API_KEY"], config or GenerateConfig())
        self._tokenizer_name, self._template_options = tokenizer, template_options
        self._opened: asyncio.Task[Sampler] | None = None

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002  (the interface is Inspect's)
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput | tuple[ModelOutput, ModelCall]:
        del tool_choice
        if tools:
            raise ValueError(
                f"{self.model_name} cannot be given tools: its answers are not searched for calls of them."
            )
        if self._opened is None:
            self._opened = asyncio.create_task(asyncio.to_thread(self._open))
        sampler = await asyncio.shield(self._opened)
        return await sampler.answer(input, config)

    def _open(self) -> Sampler:
        import tinker

        service = tinker.ServiceClient(base_url=self.base_url, api_key=self.api_key)
        try:
            is_path = self.model_name.startswith("tinker://")
            client = service.create_sampling_client(
                model_path=self.model_name if is_path else None, base_model=None if is_path else self.model_name
            ).result()
            tokenizer = load_tokenizer(self._tokenizer_name) if self._tokenizer_name else client.get_tokenizer()
        except Exception as error:
            raise RuntimeError(f"{self.model_name} cannot be asked: {judge(error)}") from error
        return Sampler(self.model_name, service, client, tokenizer, self._template_options)

    async def aclose(self) -> None:
        if self._opened is not None and self._opened.done() and not self._opened.exception():
            await asyncio.to_thread(self._opened.result().close)

    def max_connections(self) -> int:
        return AT_ONCE

    def max_tokens(self) -> int | None:
        return LONGEST

    def should_retry(self, ex: BaseException) -> bool:
        return isinstance(ex, Lost)


class Sampler:
    """A sampling client, with what makes tokens of conversations and text of tokens."""

    def __init__(
        self,
        name: str,
        service: tinker.ServiceClient,
        client: tinker.SamplingClient,
        tokenizer: Any,
        template_options: dict[str, Any] | None,
    ) -> None:
        self._name, self._service, self._client, self._tokenizer = name, service, client, tokenizer
        self._render = TemplateRenderer(tokenizer, options=template_options)
        self._ends = self._render.ends()

    async def answer(self, messages: list[ChatMessage], config: GenerateConfig) -> tuple[ModelOutput, ModelCall]:
        """Ask for answers to a conversation. Raises `Lost` for what may work when it is tried again."""
        prompt = self._render.prompt([{"role": message.role, "content": message.text} for message in messages])
        parameters = self._parameters(config)
        response = await self._sampled(prompt, parameters, config)
        output = ModelOutput(
            model=self._name,
            choices=[self._choice(sequence, config) for sequence in response.sequences],
            usage=usage(prompt, response),
        )
        call = ModelCall.create({"prompt": prompt, "parameters": vars_of(parameters)}, {"text": output.completion})
        return output, call

    async def _sampled(
        self, prompt: list[int], parameters: types.SamplingParams, config: GenerateConfig
    ) -> types.SampleResponse:
        from tinker import types

        future = self._client.sample(
            prompt=types.ModelInput.from_ints(prompt),
            num_samples=config.num_choices or 1,
            sampling_params=parameters,
            topk_sample_logprobs=(config.top_logprobs or 0) if config.logprobs else 0,
        )
        try:
            return await future.result_async()
        except Exception as error:
            raise judge(error) from error

    def _parameters(self, config: GenerateConfig) -> types.SamplingParams:
        from tinker import types

        stop: list[int] | list[str] = sorted(self._ends)
        if config.stop_seqs:  # token ids and strings do not go together
            stop = [*config.stop_seqs, *(self._tokenizer.decode([end]) for end in sorted(self._ends))]
        return types.SamplingParams(
            stop=stop,
            max_tokens=config.max_tokens,
            seed=config.seed,
            temperature=1.0 if config.temperature is None else config.temperature,
            top_k=-1 if config.top_k is None else config.top_k,
            top_p=1.0 if config.top_p is None else config.top_p,
        )

    def _choice(self, sequence: types.SampledSequence, config: GenerateConfig) -> ChatCompletionChoice:
        tokens = list(sequence.tokens)
        said = tokens[:-1] if tokens and tokens[-1] in self._ends else tokens
        text = self._tokenizer.decode(said, skip_special_tokens=True)
        for ending in config.stop_seqs or []:
            text = text.removesuffix(ending)
        return ChatCompletionChoice(
            message=ChatMessageAssistant(content=parts(text), model=self._name, source="generate"),
            stop_reason="stop" if sequence.stop_reason == "stop" else "max_tokens",
            logprobs=self._logprobs(sequence) if config.logprobs else None,
        )

    def _logprobs(self, sequence: types.SampledSequence) -> Logprobs | None:
        if sequence.logprobs is None:
            return None
        others = sequence.topk_logprobs or [None] * len(sequence.tokens)
        rows = zip(sequence.tokens, sequence.logprobs, others, strict=True)
        return Logprobs(
            content=[
                Logprob(**self._spelled(token), logprob=float(logprob), top_logprobs=self._top(top))
                for token, logprob, top in rows
            ]
        )

    def _top(self, top: list[tuple[int, float]] | None) -> list[TopLogprob] | None:
        if top is None:
            return None
        return [TopLogprob(**self._spelled(token), logprob=float(logprob)) for token, logprob in top]

    def _spelled(self, token: int) -> dict[str, Any]:
        text = self._tokenizer.decode([token])
        return {"token": text, "bytes": list(text.encode())}

    def close(self) -> None:
        """End the session."""
        self._service.close("success").result(10)


def parts(text: str) -> str | list[Any]:
    """Return an answer with the reasoning before it told apart, where the model reasons."""
    opening, closing = THINKING
    thought, closed, said = text.lstrip().removeprefix(opening).partition(closing)
    if not closed or not text.lstrip().startswith(opening):
        return text.strip()
    if not thought.strip():
        return said.strip()
    return [ContentReasoning(reasoning=thought.strip()), ContentText(text=said.strip())]


def usage(prompt: list[int], response: types.SampleResponse) -> ModelUsage:
    """Return the tokens that were read and written."""
    written = sum(len(sequence.tokens) for sequence in response.sequences)
    return ModelUsage(input_tokens=len(prompt), output_tokens=written, total_tokens=len(prompt) + written)


def vars_of(parameters: types.SamplingParams) -> dict[str, Any]:
    """Return what was given of the parameters, JSON-safe."""
    return {name: value for name, value in parameters.model_dump().items() if value is not None}


__all__ = ["Sampler", "TinkerModel"]
