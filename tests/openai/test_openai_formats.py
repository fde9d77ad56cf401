"""What OpenAI asks of training data beyond what every service asks, by a minimal record that breaks it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from motools import Dataset
from motools.datasets import FORMATS as SHARED
from motools.datasets.rules import Summary
from motools_openai.formats import FORMATS

USER = {"role": "user", "content": "What is 2 + 2?"}
ANSWER = {"role": "assistant", "content": "4."}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 2}'}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "4"}
FUNCTION = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}, "strict": True}
TOOL = {"type": "function", "function": FUNCTION}
IMAGE = {"type": "image_url", "image_url": {"url": "https://127.0.0.1/cat.png", "detail": "low"}}
PAIR = {
    "input": {"messages": [USER]},
    "preferred_output": [ANSWER],
    "non_preferred_output": [{**ANSWER, "content": "5."}],
}
PROMPT = {"messages": [USER], "reference_answer": "4"}


def chat(*messages, **more):
    return {"messages": list(messages), **more}


def examined(name, record, *, formats=FORMATS):
    """Examine a record as the one line of a validation set, of which there may be few."""
    train = Dataset.from_records([{}]).examine(formats[name])
    return Dataset.from_records([record]).examine(formats[name], trained_on=train)


def errors_of(name, record):
    return [finding.message for finding in examined(name, record).errors]


def warnings_of(name, record):
    return [finding.message for finding in examined(name, record).warnings]


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("chat", chat({"role": "system", "content": "Be brief.", "name": "rules"}, USER, ANSWER)),
        ("chat", chat({"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}, USER, ANSWER)),
        ("chat", chat(USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1})),
        ("chat", chat(USER, CALLING, RESULT, ANSWER, tools=[TOOL], parallel_tool_calls=False)),
        ("chat", chat(USER, {"role": "assistant", "tool_calls": [CALL]}, tools=[{"type": "function", "function": {"name": "add"}}])),
        ("chat", chat({**USER, "content": [{"type": "text", "text": "What is this?"}, IMAGE]}, ANSWER)),
        ("chat", chat(USER, {**ANSWER, "content": [{"type": "refusal", "refusal": "No."}], "refusal": None})),
        (
            "chat",
            chat(USER, {**ANSWER, "function_call": {"name": "add", "arguments": "{}"}}, {"role": "function", "name": "add", "content": "4"}, ANSWER, functions=[FUNCTION]),
        ),
        ("chat", chat(USER, {**ANSWER, "content": "f <| x |> g, and a <| b"})),
        ("dpo", {**PAIR, "input": {"messages": [USER], "tools": [], "parallel_tool_calls": True}}),
        ("dpo", {**PAIR, "preferred_output": [CALLING]}),
        ("rft", {**PROMPT, "tools": [TOOL], "functions": 3, "parallel_tool_calls": "whatever a grader reads"}),
        ("rft", chat({"role": "developer", "content": "Be brief."}, USER, ANSWER, USER, answer={"is": 4})),
    ],
)  # fmt: skip
def test_what_openai_takes_has_no_findings(name, record):
    assert errors_of(name, record) == warnings_of(name, record) == []


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (chat(USER, ANSWER, tool=[]), "has the key 'tool', which OpenAI does not know here. Did you mean 'tools'?"),
        (chat(USER, ANSWER, id=7), "has the key 'id', which OpenAI does not know here. Known: messages, tools, parallel_tool_calls, functions."),
        (chat({**USER, "nam": "Ann"}, ANSWER), "message 1 has the key 'nam', which OpenAI does not know of a message from 'user'. Did you mean 'name'?"),
        (chat(USER, {**ANSWER, "thinking": "…"}), "message 2 has the key 'thinking', which OpenAI does not know of a message from 'assistant'. Known: role,"),
        (chat(USER, CALLING, {**RESULT, "name": "add"}, ANSWER), "message 3 has the key 'name', which OpenAI does not know of a message from 'tool'."),
        (chat({**USER, "name": 3}, ANSWER), "message 1 has a 'name' that is no text."),
        (chat({"role": "function", "content": "4"}, ANSWER), "message 1, from a function, has no 'name'."),
        (chat(USER, {**ANSWER, "weight": None}), "message 2 has null as its 'weight'; leave it out, or write 0 or 1."),
        (chat(USER, ANSWER, USER, {**ANSWER, "weight": 0}), "the last message from the assistant has the weight 0; OpenAI takes 0 for earlier ones only."),
        (chat(USER, {**ANSWER, "content": [IMAGE]}), "message 2 has a part of type 'image_url'; from 'assistant' OpenAI takes text and refusal only."),
        (chat({"role": "system", "content": [IMAGE]}, USER, ANSWER), "message 1 has a part of type 'image_url'; from 'system' OpenAI takes text only."),
        (chat({**USER, "content": [{"type": "input_audio"}]}, ANSWER), "message 1 has a part of type 'input_audio'; from 'user' OpenAI takes text and image_url only."),
        (chat({**USER, "content": [{**IMAGE, "image_url": "https://127.0.0.1"}]}, ANSWER), "message 1 has an image without an address; it must look like"),
        (chat({**USER, "content": [{**IMAGE, "image_url": {"url": "https://127.0.0.1", "detail": "medium"}}]}, ANSWER), "message 1 has an image with the 'detail' 'medium'; OpenAI takes auto, low, high."),
        (chat(USER, {**ANSWER, "refusal": True}), "message 2 has a 'refusal' that is no text."),
        (chat(USER, {**ANSWER, "content": [{"type": "refusal"}]}), "message 2 has a part of type 'refusal' without text."),
        (chat(USER, {**ANSWER, "content": "Bye.<|endoftext|>"}), "message 2 contains the special token <|endoftext|>, which OpenAI refuses in training data."),
        (chat({**USER, "content": [{"type": "text", "text": "<|fim_middle|>"}]}, ANSWER), "message 1 contains the special token <|fim_middle|>"),
        (chat(USER, {**CALLING, "tool_calls": [{**CALL, "function": {"name": "add", "arguments": "<|endofprompt|>"}}]}), "message 2 contains the special token <|endofprompt|>"),
        (chat(USER, {**ANSWER, "tool_calls": []}), "message 2 has 'tool_calls' without a call in them; leave them out."),
        (chat(USER, {**ANSWER, "tool_calls": None}), "message 2 has 'tool_calls' without a call in them; leave them out."),
        (chat(USER, {**CALLING, "tool_calls": [{**CALL, "id": 1}]}), "message 2, tool call 1, has no 'id'."),
        (chat(USER, {**CALLING, "tool_calls": [CALL, {**CALL, "type": "code"}]}), "message 2, tool call 2, has no 'type', which must be 'function'."),
        (chat(USER, {**CALLING, "tool_calls": [{"id": "1", "type": "function"}]}), "message 2, tool call 1, has no 'function'."),
        (chat(USER, {**CALLING, "tool_calls": [{**CALL, "function": {"name": "add", "arguments": {"a": 2}}}]}), "message 2, tool call 1, has no 'arguments' as text; an object must be written as a string of JSON."),
        (chat(USER, {**ANSWER, "function_call": {"arguments": "{}"}}), "message 2, 'function_call', names no function."),
        (chat(USER, {**ANSWER, "function_call": "add"}), "message 2, 'function_call', is no object."),
        (chat(USER, CALLING, {"role": "tool", "content": "4", "tool_call_id": None}, ANSWER), "message 3, from a tool, has no 'tool_call_id': the id of the call that it answers."),
        (chat(USER, RESULT, ANSWER), "message 2 answers the tool call 'call_1', which no message before it makes."),
        (chat(USER, CALLING, ANSWER), "message 3, from the assistant, follows a tool call of its own that no tool has answered."),
        (chat(USER, ANSWER, tools=None), "'tools' is null; leave it out where there are none."),
        (chat(USER, ANSWER, tools=[TOOL] * 129), "has 129 functions in 'tools'; OpenAI takes at most 128."),
        (chat(USER, ANSWER, tools=[FUNCTION]), 'tool 1 must look like {"type": "function", "function": {"name": …}}.'),
        (chat(USER, ANSWER, tools=[{**TOOL, "type": "web"}]), "tool 1 must look like"),
        (chat(USER, ANSWER, tools=[{"type": "function", "function": {"name": "add numbers"}}]), "tool 1 has the name 'add numbers'; OpenAI takes 1 to 64 of the characters a-z, A-Z, 0-9, _ and -."),
        (chat(USER, ANSWER, tools=[{"type": "function", "function": {**FUNCTION, "parameters": []}}]), "tool 1 has 'parameters' that are no object; they are a JSON Schema."),
        (chat(USER, ANSWER, tools=[{"type": "function", "function": {**FUNCTION, "description": 3}}]), "tool 1 has a 'description' that is no text."),
        (chat(USER, ANSWER, tools=[{"type": "function", "function": {**FUNCTION, "strict": "yes"}}]), "tool 1 has a 'strict' that is neither true nor false."),
        (chat(USER, ANSWER, functions=[]), "'functions' must be a list with something in it; leave it out where there are none."),
        (chat(USER, ANSWER, functions=[FUNCTION] * 129), "has 129 functions in 'functions'; OpenAI takes at most 128."),
        (chat(USER, ANSWER, functions=["add"]), "function 1 is no object."),
        (chat(USER, ANSWER, functions=[{"name": "x" * 65}]), "function 1 has the name 'xxxx"),
        (chat(USER, ANSWER, parallel_tool_calls="yes"), "'parallel_tool_calls' must be true or false."),
    ],
)  # fmt: skip
def test_a_conversation_that_openai_refuses_is_described(record, sentence):
    (error,) = errors_of("chat", record)
    assert error.startswith(sentence)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({**PAIR, "id": 3}, "has the key 'id', which OpenAI does not know here. Known: input, preferred_output, non_preferred_output"),
        ({**PAIR, "input": {"messages": [USER], "functions": [FUNCTION]}}, "'input': has the key 'functions', which OpenAI does not know here."),
        ({**PAIR, "input": {"messages": [{**USER, "weight": None}]}}, "'input': message 1 has the key 'weight'"),
        ({**PAIR, "input": {"messages": [USER], "parallel_tool_calls": 1}}, "'input': 'parallel_tool_calls' must be true or false."),
        ({**PAIR, "preferred_output": [CALLING, RESULT, ANSWER]}, "'preferred_output': has 3 messages; OpenAI compares single answers."),
        ({**PAIR, "non_preferred_output": [{**ANSWER, "content": "<|endoftext|>"}]}, "'non_preferred_output': message 1 contains the special token"),
        ({"input": {"messages": [USER]}, "preferred_completion": [ANSWER], "non_preferred_output": [ANSWER]}, "has 'preferred_completion'; services call it 'preferred_output': rename it."),
    ],
)  # fmt: skip
def test_a_pair_that_openai_refuses_is_described(record, sentence):
    (error,) = errors_of("dpo", record)
    assert error.startswith(sentence)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({**PROMPT, "messages": [USER, ANSWER]}, "the last message is from 'assistant'"),
        ({**PROMPT, "messages": [{**USER, "source": 3}]}, "message 1 has the key 'source'"),
        ({**PROMPT, "tools": [FUNCTION]}, "tool 1 must look like"),
    ],
)
def test_a_prompt_that_openai_refuses_is_described(record, sentence):
    (error,) = errors_of("rft", record)
    assert error.startswith(sentence)


def test_what_is_spelt_like_a_special_token_is_warned_of():
    record = chat({**USER, "content": "<|im_start|>user <|im_start|> <|im_end|>"}, ANSWER)
    assert errors_of("chat", record) == []
    assert warnings_of("chat", record) == [
        f"message 1 contains {mark}, which is spelt as the special tokens of chat models are."
        for mark in ("<|im_start|>", "<|im_end|>")
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("word " * 52_400, None), ("word " * 52_500, "65,634"), ("дом " * 37_600, "65,809"), ("字" * 60_000, None)],
    ids=["just fits", "too long", "two bytes a letter", "three bytes a letter"],
)
def test_an_example_that_is_too_long_is_warned_of_by_an_estimate(text, tokens):
    expected = f"has about {tokens} tokens (an estimate: one for every 4 bytes); OpenAI cuts off what is beyond 65,536"
    found = warnings_of("chat", chat(USER, {**ANSWER, "content": text}))
    assert [warning.startswith(expected) for warning in found] == ([] if tokens is None else [True])


def test_of_a_pair_the_input_counts_with_each_output():
    long, short = ({**ANSWER, "content": "word " * count} for count in (30_000, 20_000))
    pair = {"input": chat({**USER, "content": "word " * 30_000}), "preferred_output": [short]}
    assert warnings_of("dpo", {**pair, "non_preferred_output": [{**short, "content": "No."}]}) == []
    (warning,) = warnings_of("dpo", {**pair, "non_preferred_output": [long]})
    assert warning.startswith("has about 75,006 tokens")


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("chat", chat(USER, {**ANSWER, "content": " "})),
        ("dpo", {**PAIR, "non_preferred_output": [{**ANSWER, "content": " "}]}),
        ("dpo", {**PAIR, "non_preferred_output": [ANSWER]}),
        ("rft", chat(USER)),
    ],
    ids=["blank", "a blank output", "equal outputs", "nothing to grade by"],
)
def test_what_looks_wrong_everywhere_looks_wrong_here(name, record):
    (warning,) = warnings_of(name, record)
    assert warning in [finding.message for finding in examined(name, record, formats=SHARED).warnings]


def test_a_system_message_is_warned_of_where_reasoning_models_are_trained():
    record = {**PROMPT, "messages": [{"role": "system", "content": "Be brief."}, USER]}
    assert errors_of("rft", record) == []
    assert warnings_of("rft", record) == [
        "message 1 is from 'system'; the models of this method have 'developer' instead."
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_ten_examples_are_needed_to_train_on_and_one_to_validate_with(name):
    record = {"chat": chat(USER, ANSWER), "dpo": PAIR, "rft": PROMPT}[name]
    nine = Dataset.from_records([record] * 9)
    assert [str(error) for error in nine.examine(FORMATS[name]).errors] == [
        "<records>: has 9 examples; OpenAI trains on no fewer than 10."
    ]
    assert Dataset.from_records([record] * 10).examine(FORMATS[name]).errors == ()
    assert errors_of(name, record) == []


def test_a_file_that_must_be_uploaded_in_parts_is_warned_of_and_one_beyond_those_refused():
    def found(rules, size):
        return [sentence for rule in rules for _, sentence in rule(Summary(records=10, size=size))]

    form, megabyte = FORMATS["chat"], 2**20
    assert found((*form.whole, *form.whole_advice), 512 * megabyte) == []
    assert found(form.whole, 8192 * megabyte) == []
    (warning,) = found(form.whole_advice, 700 * megabyte)
    assert warning.startswith("has 700 MB; a file of more than 512 MB is uploaded in parts")
    (error,) = found(form.whole, 8193 * megabyte)
    assert error == "has 8,193 MB; OpenAI takes files of at most 8,192 MB."


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_trained_on_is_no_validation_set(name):
    assert FORMATS[name].whole
    dataset = Dataset.from_records([{"x": 1}])
    report = dataset.examine(FORMATS[name], trained_on=dataset.examine(FORMATS[name]))
    assert report.errors[-1].message.startswith("is trained on as well: <records>:1 is the same record.")


def test_openai_refuses_whatever_all_refuse():
    for name, form in SHARED.items():
        assert set(form.rules) - set(FORMATS[name].rules) == set(), name


def test_the_formats_need_no_sdk():
    script = "import sys, motools_openai.formats; print('openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
