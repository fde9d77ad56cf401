"""Sampling on a CPU: token by token, from the base model or one of its adapters. TuFT's own sampler needs vLLM."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch
from actors import Actor
from peft import PeftModel
from tinker import types
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
from tuft.backends.base_backend import BaseSamplingBackend


class CpuSampling(BaseSamplingBackend):
    """The interface by which TuFT's controller asks a sampler."""

    def __init__(self, config):
        super().__init__(config)
        self._sampler = Actor(Sampler(Path(config.model_path)))

    async def async_init(self):
        pass

    async def sample(
        self,
        prompt,
        num_samples,
        sampling_params,
        include_prompt_logprobs=False,  # noqa: FBT002  (as above)
        topk_prompt_logprobs=0,
        lora_id=None,
    ):
        return await self._sampler.sample.remote(prompt, num_samples, sampling_params, include_prompt_logprobs, lora_id)

    async def add_adapter(self, lora_id, adapter_path):
        await self._sampler.add.remote(lora_id, adapter_path)

    async def remove_adapter(self, lora_id):
        await self._sampler.remove.remote(lora_id)


class Sampler:
    def __init__(self, directory):
        self._base = AutoModelForCausalLM.from_pretrained(str(directory)).eval()
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._peft = None

    async def add(self, name, path):
        if self._peft is None:
            self._peft = PeftModel.from_pretrained(self._base, str(path), adapter_name=name).eval()
        else:
            self._peft.load_adapter(str(path), adapter_name=name)

    async def remove(self, name):
        if self._peft is not None and name in self._peft.peft_config:
            self._peft.delete_adapter(name)

    async def sample(self, prompt, number, parameters, want_prompt_logprobs, name):
        with torch.no_grad(), self._selected(name) as model:
            tokens = prompt.to_ints()
            generator = None if parameters.seed is None else torch.Generator().manual_seed(parameters.seed)
            return types.SampleResponse(
                sequences=[self._sequence(model, tokens, parameters, generator) for _ in range(number)],
                _prompt_logprobs_list=prompt_logprobs(model, tokens) if want_prompt_logprobs else None,
            )

    @contextlib.contextmanager
    def _selected(self, name):
        if self._peft is None:
            yield self._base
        elif name is not None and name in self._peft.peft_config:
            self._peft.set_adapter(name)
            yield self._peft
        else:
            with self._peft.disable_adapter():
                yield self._peft

    def _sequence(self, model, prompt, parameters, generator):
        ends, endings = self._stops(parameters.stop)
        given, cache, tokens, logprobs, reason = torch.tensor([prompt]), None, [], [], "length"
        for _ in range(parameters.max_tokens or 128):
            output = model(input_ids=given, past_key_values=cache, use_cache=True)
            cache, logits = output.past_key_values, output.logits[0, -1].float()
            token = choose(logits, parameters, generator)
            tokens.append(token)
            logprobs.append(float(torch.log_softmax(logits, -1)[token]))
            given = torch.tensor([[token]])
            if token in ends or self._text(tokens).endswith(endings):
                reason = "stop"
                break
        return types.SampledSequence(stop_reason=reason, _tokens_list=tokens, _logprobs_list=logprobs)

    def _stops(self, stop):
        """Return token ids, and endings of text as a tuple; by default the end that the model itself has."""
        if not stop:
            ends = self._base.config.eos_token_id
            return set(ends if isinstance(ends, list) else [ends]) - {None}, ()
        stops = [stop] if isinstance(stop, str) else stop
        return {each for each in stops if isinstance(each, int)}, tuple(each for each in stops if isinstance(each, str))

    def _text(self, tokens):
        return self._tokenizer.decode(tokens, skip_special_tokens=False)


def prompt_logprobs(model, tokens):
    scores = torch.log_softmax(model(input_ids=torch.tensor([tokens])).logits[0].float(), -1)
    return [None] + [scores[place, token].item() for place, token in enumerate(tokens[1:])]


def choose(logits, parameters, generator):
    if not parameters.temperature:
        return int(logits.argmax())
    logits = logits / parameters.temperature
    if parameters.top_k and parameters.top_k > 0:
        least = torch.topk(logits, min(parameters.top_k, logits.numel())).values[-1]
        logits = logits.masked_fill(logits < least, float("-inf"))
    if parameters.top_p is not None and parameters.top_p < 1:
        order = torch.argsort(logits, descending=True)
        shares = torch.softmax(logits[order], -1)
        logits[order[shares.cumsum(-1) - shares > parameters.top_p]] = float("-inf")
    return int(torch.multinomial(torch.softmax(logits, -1), 1, generator=generator))
