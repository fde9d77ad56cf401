"""Training with nothing but the SDK, as its examples do it: what our losses and our speed are held against."""

from __future__ import annotations

import tinker
from tinker import types
from transformers import AutoTokenizer

from motools_tinker.order import Order

TIMEOUT = 120


class Conversations:
    """Datums of conversations, with the loss on the last answer."""

    def __init__(self, directory, records):
        self._tokenizer = AutoTokenizer.from_pretrained(directory)
        self.datums = [self._datum(record["messages"]) for record in records]

    def _tokens(self, messages, *, answer_next):
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer_next)
        return self._tokenizer.encode(text, add_special_tokens=False)

    def _datum(self, messages):
        whole, prompt = self._tokens(messages, answer_next=False), self._tokens(messages[:-1], answer_next=True)
        assert whole[: len(prompt)] == prompt
        weights = [0.0] * len(prompt) + [1.0] * (len(whole) - len(prompt))
        return types.Datum(
            model_input=types.ModelInput.from_ints(whole[:-1]),
            loss_fn_inputs={"target_tokens": whole[1:], "weights": weights[1:]},
        )


def mean_loss(output, datums):
    total = weight = 0.0
    for row, datum in zip(output.loss_fn_outputs, datums, strict=True):
        weights = datum.loss_fn_inputs["weights"].to_numpy().tolist()
        logprobs = row["logprobs"].to_numpy().reshape(-1).tolist()
        total -= sum(logprob * each for logprob, each in zip(logprobs, weights, strict=True))
        weight += sum(weights)
    return total / weight


def train(service, model, batches, rates, *, rank, seed=0, pipelined=True):
    """Return the losses of training on batches of datums: all submitted at once, or each step waited for."""
    client = service.create_lora_training_client(base_model=model, rank=rank, seed=seed).result(TIMEOUT)
    submitted, losses = [], []
    for batch, rate in zip(batches, rates, strict=True):
        forward = client.forward_backward(batch, "cross_entropy")
        if not pipelined:
            losses.append(mean_loss(forward.result(TIMEOUT), batch))
        update = client.optim_step(types.AdamParams(learning_rate=rate))
        if not pipelined:
            update.result(TIMEOUT)
        submitted.append((batch, forward, update))
    if pipelined:
        for batch, forward, update in submitted:
            losses.append(mean_loss(forward.result(TIMEOUT), batch))
            update.result(TIMEOUT)
    return losses


def losses(url, key, datums, model, wanted):
    """Return the losses of a run with these hyperparameters, our order of the data and a linear schedule."""
    order, steps = Order(len(datums), wanted["batch_size"], 0), wanted["max_steps"]
    batches = [[datums[number] for number in order.batch(step)] for step in range(steps)]
    rates = [wanted["learning_rate"] * (1 - step / steps) for step in range(steps)]
    with tinker.ServiceClient(base_url=url, api_key=key) as service:
        return train(service, model, batches, rates, rank=wanted["lora_rank"])
