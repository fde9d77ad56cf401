"""What a job will cost is estimated with its assumptions, and what it has cost is told with the same prices."""

from __future__ import annotations

import asyncio
import json
import tracemalloc

import pytest

from motools import Dataset, Estimate
from motools.errors import DatasetError
from motools_openai.cost import billed, default_epochs, estimate
from motools_openai.prices import prices_for

MINI = "gpt-4.1-mini-2025-04-14"
OLD = "gpt-3.5-turbo-0125"
PRICES = prices_for(None)

JARGON = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]
WEATHER = [
    {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    },
}


async def counted(*records, model=MINI, **keywords):
    return await estimate(list(records), model, {"n_epochs": 1}, prices=PRICES, **keywords)


def chat(*contents):
    roles = ["user", "assistant"] * len(contents)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]}


@pytest.mark.parametrize(("model", "tokens"), [(MINI, 124), (OLD, 129)])
async def test_a_conversation_has_as_many_tokens_as_the_service_counted(model, tokens):
    """The numbers are those that OpenAI's cookbook prints of its API for this conversation."""
    assert (await counted({"messages": JARGON}, model=model)).tokens == tokens


@pytest.mark.parametrize(("model", "tokens"), [(MINI, 101), (OLD, 105)])
async def test_tools_have_as_many_tokens_as_the_service_counted(model, tokens):
    """The same, with a tool."""
    found = await counted({"messages": WEATHER, "tools": [TOOL]}, model=model)
    assert found.tokens == tokens
    assert not found.is_exact
    assert (
        "Examples with tools: 1; tools are counted as in a prompt, and the service may do otherwise."
        in found.assumptions
    )
    old = await counted({"messages": WEATHER, "functions": [TOOL["function"]]}, model=model)
    assert old.tokens == tokens


async def test_a_plain_conversation_with_given_epochs_is_exact_and_costs_what_the_price_says():
    found = await estimate([{"messages": JARGON}] * 50, MINI, {"n_epochs": 4}, prices=PRICES)
    assert found == Estimate(
        tokens=124 * 50 * 4,
        cost=124 * 50 * 4 * 5 / 1_000_000,
        examples=50,
        epochs=4,
        is_exact=True,
        assumptions=(
            "Tokens are counted with o200k_base, by the rules of OpenAI's cookbook.",
            "gpt-4.1-mini costs $5 for a million training tokens (the list in llmcomp 1.6.0, as of 2026-11-25).",
        ),
    )
    assert Estimate.from_dict(json.loads(json.dumps(found.as_dict(), allow_nan=False))) == found


async def test_what_a_model_costs_that_has_no_price_is_unknown_and_says_how_to_give_one():
    found = await counted(chat("Hi.", "Hello."), model="gpt-4o-2024-08-06")
    assert found.cost is None
    assert found.tokens > 0
    assert any('prices = { "gpt-4o" = … }' in sentence for sentence in found.assumptions)


async def test_a_given_price_is_used_and_named():
    prices = prices_for({"gpt-4o": 30})
    found = await estimate([chat("Hi.", "Hello.")], "gpt-4o-2024-08-06", {"n_epochs": 1}, prices=prices)
    assert found.cost == found.tokens * 30 / 1_000_000
    assert "gpt-4o costs $30 for a million training tokens (the option 'prices')." in found.assumptions


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [(0, 3), (1, 25), (10, 10), (33, 3), (34, 3), (8_333, 3), (8_334, 2), (20_000, 1), (100_000, 1)],
)
def test_the_default_number_of_epochs_is_that_of_the_cookbook(examples, epochs):
    assert default_epochs(examples) == epochs


@pytest.mark.parametrize("hyperparameters", [None, {}, {"n_epochs": "auto"}])
async def test_epochs_that_are_left_to_the_service_are_an_assumption(hyperparameters):
    found = await estimate([{"messages": JARGON}] * 10, MINI, hyperparameters, prices=PRICES)
    assert (found.epochs, found.tokens) == (10, 10 * 10 * 124)
    assert not found.is_exact
    assert any("taken to be 10" in sentence for sentence in found.assumptions)


async def test_an_example_counts_as_far_as_it_is_trained_on():
    long = chat("word " * 20_000, "Yes.")
    found = await counted(long, chat("Hi.", "Hello."), model=OLD)
    short = await counted(chat("Hi.", "Hello."), model=OLD)
    assert found.tokens == 16_385 + short.tokens
    assert "Examples of more than 16,385 tokens: 1; what they have beyond that is not trained on." in found.assumptions
    assert (await counted(long)).tokens > 20_000
    assert (await counted(chat("word " * 70_000, "Yes."))).tokens == 65_536


async def test_calls_of_tools_are_counted_by_their_names_and_arguments():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"city": "Rome"}'}}
    messages = [{"role": "user", "content": "Hi."}, {"role": "assistant", "tool_calls": [call]}]
    old = [{"role": "user", "content": "Hi."}, {"role": "assistant", "function_call": call["function"]}]
    bare = [{"role": "user", "content": "Hi."}, {"role": "assistant", "tool_calls": []}]
    without = await counted({"messages": bare})
    found = await counted({"messages": messages})
    assert found.tokens > without.tokens
    assert without.is_exact
    assert not found.is_exact
    assert (await counted({"messages": old})).tokens == found.tokens


async def test_what_a_schema_has_further_is_counted():
    def tool(**more):
        return {"function": {"name": "f", "parameters": {"properties": {"a": {"type": "object", **more}}}}}

    plain = await counted({"messages": WEATHER, "tools": [tool()]})
    nested = await counted({"messages": WEATHER, "tools": [tool(properties={"b": {"type": "string"}})]})
    assert nested.tokens > plain.tokens


async def test_the_cost_of_images_is_unknown_and_so_is_the_whole():
    image = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    parts = [{"type": "text", "text": "What is this?"}, image]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": "A cat."}]
    found = await counted({"messages": messages})
    text = await counted(chat("What is this?", "A cat."))
    assert found.tokens == text.tokens
    assert found.cost is None
    assert not found.is_exact
    assert (
        found.assumptions[-1]
        == f"Examples with images: 1; what images cost is not known. Without them it would be ${text.cost:,.2f}."
    )


async def test_of_a_pair_of_preferences_both_answers_are_counted():
    question, good, bad = (
        JARGON[:1],
        {"role": "assistant", "content": "Yes, of course."},
        {"role": "assistant", "content": "No!"},
    )
    pair = {"input": {"messages": question}, "preferred_output": [good], "non_preferred_output": [bad]}
    found = await counted(pair, method="dpo")
    assert found.tokens == (await counted({"messages": [*question, good, bad]})).tokens
    assert not found.is_exact
    assert "Each pair is counted as one conversation with both answers." in found.assumptions


async def test_reinforcement_is_billed_by_the_hour_so_its_cost_is_unknown():
    found = await counted(chat("Hi.", "Hello."), chat("Hi.", "Hello."), method="reinforcement")
    assert (found.tokens, found.cost, found.examples) == (None, None, 2)
    assert "billed by the hour" in found.assumptions[0]


async def test_validation_data_is_taken_to_cost_nothing_and_that_is_said():
    without = await counted(chat("Hi.", "Hello."))
    found = await counted(chat("Hi.", "Hello."), validation=[chat("Bye.", "Bye.")])
    assert found.tokens == without.tokens
    assert set(found.assumptions) - set(without.assumptions) == {
        "Validation data is taken to cost nothing: the training dataset is billed."
    }


async def test_a_vocabulary_that_is_not_known_is_an_assumption():
    found = await counted(chat("Hi.", "Hello."), model="my-deployment")
    assert not found.is_exact
    assert "Tokens are counted with o200k_base: which vocabulary 'my-deployment' has is not known." in found.assumptions


@pytest.mark.parametrize(
    ("record", "method"),
    [
        ({"prompt": "a"}, "supervised"),
        ({"messages": "a"}, "supervised"),
        ({"messages": [1]}, "supervised"),
        (chat("a"), "dpo"),
    ],
)
async def test_what_would_count_as_nothing_is_refused_with_its_line(record, method):
    good = chat("Hi.", "Hello.") if method == "supervised" else {"input": chat("Hi.")}
    with pytest.raises(DatasetError, match="<records>:2: has no messages"):
        await counted(good, record, method=method)


async def test_a_line_that_is_no_json_is_refused(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text("{}}\n")
    with pytest.raises(DatasetError, match=r"bad\.jsonl:1: is not valid JSON"):
        await estimate(path, MINI, prices=PRICES)


async def test_odd_records_are_counted_without_a_stumble():
    odd = {
        "messages": [
            {"role": "user", "content": None, "name": None, "weight": 0},
            {
                "role": "assistant",
                "content": ["a", {"type": "audio"}, {"type": "text"}],
                "tool_calls": ["x", {"function": 3}],
            },
        ],
        "tools": [
            "x",
            {},
            {
                "function": {
                    "name": 3,
                    "description": None,
                    "parameters": {"properties": {"a": 3, "b": {"type": ["x", "null"], "enum": [1, None]}}},
                }
            },
        ],
    }
    assert (await counted(odd)).tokens > 0


async def test_a_large_dataset_is_read_in_flat_memory_and_a_count_that_nobody_waits_for_stops(tmp_path):
    path = tmp_path / "large.jsonl"
    line = json.dumps(chat("What is jazz? " * 8, "A kind of music. " * 8)) + "\n"
    with path.open("w") as file:
        for _ in range(20_000):
            file.write(line)
    await counted(chat("Hi."))  # loads the vocabulary
    tracemalloc.start()
    waiter = asyncio.create_task(estimate(path, MINI, prices=PRICES))
    done, _ = await asyncio.wait([waiter], timeout=0.3)
    assert not done
    waiter.cancel()
    async with asyncio.timeout(2):
        with pytest.raises(asyncio.CancelledError):
            await waiter
        await asyncio.get_running_loop().shutdown_default_executor()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size / 2


def test_what_was_billed_is_told_with_the_same_prices():
    assert billed(2_000_000, f"ft:{MINI}:acme::1", PRICES) == {"trained_tokens": 2_000_000, "cost": 10.0}
    assert billed(2_000_000, "gpt-4o", PRICES) == {"trained_tokens": 2_000_000, "cost": None}
    assert billed(None, MINI, PRICES) == {"trained_tokens": None, "cost": None}
    assert billed(5, MINI, PRICES, method="reinforcement") == {"trained_tokens": 5, "cost": None}


async def test_a_dataset_may_be_a_path_a_dataset_or_records(tmp_path):
    path = tmp_path / "chat.jsonl"
    await Dataset.from_records([{"messages": JARGON}]).save(path)
    found = [
        await estimate(form, MINI, prices=PRICES) for form in (path, str(path), Dataset(path), [{"messages": JARGON}])
    ]
    assert found == found[:1] * 4
