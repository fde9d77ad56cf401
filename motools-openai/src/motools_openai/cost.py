"""What a fine-tuning job will cost, and what it has cost.

    tokens of the dataset in one pass x epochs x price of a token

What is not known is not taken for nothing: an estimate whose cost is None says in its assumptions what is missing, and
each thing that the numbers rest on is a sentence there. What is billed are "the tokens in the training dataset", and of
reinforcement the time (help.openai.com/en/articles/11323177).
"""

from __future__ import annotations

import asyncio
from threading import Event
from typing import TYPE_CHECKING, Any

from motools import Dataset, Estimate
from motools_openai.counting import Counting
from motools_openai.families import encoding_of, family_of, longest_example
from motools_openai.tokens import BYTES_A_TOKEN, counter_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.training.base import DatasetLike
    from motools_openai.counting import Tally
    from motools_openai.prices import Price, Prices
    from motools_openai.tokens import Counter

ASSUMED_ENCODING = "o200k_base"
"""The vocabulary of a model that is not known: that of the present ones."""
TARGET_EPOCHS, MOST_EPOCHS = 3, 25
FEWEST_EXAMPLES, MOST_EXAMPLES = 100, 25_000
"""What the default number of epochs is made of; see `default_epochs`."""


async def estimate(
    dataset: DatasetLike,
    model: str,
    hyperparameters: Mapping[str, Any] | None = None,
    *,
    method: str = "supervised",
    validation: DatasetLike | None = None,
    prices: Prices,
) -> Estimate:
    """Estimate what training on a dataset costs; read in a thread, in the memory of one example.

    `method` is "supervised", "dpo" or "reinforcement". Raises `DatasetError` for what cannot be counted.
    """
    source = Dataset.of(dataset)
    if method == "reinforcement":
        return await _by_the_hour(source, validation)
    tally, counter = await _tally(source, model, is_preference=method == "dpo")
    given = (hyperparameters or {}).get("n_epochs")
    epochs = given if isinstance(given, int) else default_epochs(tally.examples)
    tokens, price = tally.tokens * epochs, prices.of(model)
    cost = None if price is None else price.of(tokens)
    is_estimated = method == "dpo" or tally.with_images or tally.with_tools or encoding_of(family_of(model)) is None
    return Estimate(
        tokens=tokens,
        cost=None if tally.with_images else cost,
        examples=tally.examples,
        epochs=epochs,
        is_exact=epochs == given and counter.is_exact and not is_estimated,
        assumptions=(
            *_about_tokens(tally, counter, model, method),
            *([] if epochs == given else [_about_epochs(epochs)]),
            _about_price(price, family_of(model)),
            *_about_validation(validation),
            *([_about_images(tally, cost)] if tally.with_images else []),
        ),
    )


def billed(
    trained_tokens: int | None, model: str, prices: Prices, *, method: str = "supervised"
) -> dict[str, int | float | None]:
    """Return what a job that has ended was billed, for the metadata of its run: `trained_tokens` and `cost`.

    `trained_tokens` is that of the job: "the total number of billable tokens", of all epochs. `cost` is in US dollars, and
    None where no price is known or what is billed are not tokens.
    """
    price = None if method == "reinforcement" else prices.of(model)
    cost = None if price is None or trained_tokens is None else price.of(trained_tokens)
    return {"trained_tokens": trained_tokens, "cost": cost}


def default_epochs(examples: int) -> int:
    """Return the epochs of a job that leaves them to the service, as OpenAI's cookbook has them.

    Three, but so many that 100 examples are seen (and at most 25), and so few that it are 25,000
    ("Data preparation and analysis for chat model fine-tuning", openai/openai-cookbook).
    """
    if not examples:
        return TARGET_EPOCHS
    if examples * TARGET_EPOCHS < FEWEST_EXAMPLES:
        return min(MOST_EPOCHS, FEWEST_EXAMPLES // examples)
    if examples * TARGET_EPOCHS > MOST_EXAMPLES:
        return max(1, MOST_EXAMPLES // examples)
    return TARGET_EPOCHS


async def _by_the_hour(source: Dataset, validation: DatasetLike | None) -> Estimate:
    return Estimate(
        tokens=None,
        cost=None,
        examples=await asyncio.to_thread(source.count),
        assumptions=(
            "Reinforcement is billed by the hour and not by tokens, so what it costs is not known beforehand.",
            *_about_validation(validation),
        ),
    )


async def _tally(source: Dataset, model: str, *, is_preference: bool) -> tuple[Tally, Counter]:
    """Count a dataset in a thread, which stops when nobody waits for it any more."""
    family, stop = family_of(model), Event()
    encoding = encoding_of(family) or ASSUMED_ENCODING

    def count() -> tuple[Tally, Counter]:
        counter = counter_for(encoding)
        counting = Counting(counter, encoding=encoding, longest=longest_example(family), is_preference=is_preference)
        return counting.add_all(source, stop.is_set), counter

    try:
        return await asyncio.to_thread(count)
    finally:
        stop.set()


def _about_tokens(tally: Tally, counter: Counter, model: str, method: str) -> list[str]:
    encoding, longest = encoding_of(family_of(model)), longest_example(family_of(model))
    notes = []
    if not counter.has_vocabulary:
        notes.append(
            f"Tokens are estimated, at {BYTES_A_TOKEN} bytes each: `pip install motools-openai[tokens]` counts them."
        )
    elif encoding is None:
        notes.append(f"Tokens are counted with {ASSUMED_ENCODING}: which vocabulary {model!r} has is not known.")
    else:
        notes.append(f"Tokens are counted with {encoding}, by the rules of OpenAI's cookbook.")
    if counter.runs_cut:
        notes.append(
            "Text that goes on for long without a space was cut to be counted, which can make a few tokens more."
        )
    if tally.truncated:
        notes.append(
            f"Examples of more than {longest:,} tokens: {tally.truncated:,}; what they have beyond that is not trained on."
        )
    if tally.with_tools:
        notes.append(
            f"Examples with tools: {tally.with_tools:,}; tools are counted as in a prompt, and the service may do otherwise."
        )
    if method == "dpo":
        notes.append("Each pair is counted as one conversation with both answers.")
    return notes


def _about_epochs(epochs: int) -> str:
    return (
        f"The epochs are left to the service, and taken to be {epochs}, by the rule of OpenAI's cookbook; "
        "-p n_epochs=N decides."
    )


def _about_price(price: Price | None, family: str) -> str:
    if price is None:
        return (
            f"What {family} costs is not known. Say it in the options of the backend, in US dollars for a million "
            f'training tokens: prices = {{ "{family}" = … }}'
        )
    return f"{family} costs ${price.usd_per_million_tokens:g} for a million training tokens ({price.source})."


def _about_validation(validation: DatasetLike | None) -> list[str]:
    return [] if validation is None else ["Validation data is taken to cost nothing: the training dataset is billed."]


def _about_images(tally: Tally, cost: float | None) -> str:
    at_least = "" if cost is None else f" Without them it would be ${cost:,.2f}."
    return f"Examples with images: {tally.with_images:,}; what images cost is not known.{at_least}"


__all__ = ["billed", "default_epochs", "estimate"]
