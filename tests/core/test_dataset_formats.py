"""The formats chat, dpo and rft: what each asks of a record, whatever the service."""

from __future__ import annotations

import pytest

from motools import Dataset
from motools.datasets import FORMATS, Format

USER = {"role": "user", "content": "What is 2 + 2?"}
ANSWER = {"role": "assistant", "content": "4."}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 2}'}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "4"}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
PAIR = {
    "input": {"messages": [USER]},
    "preferred_output": [ANSWER],
    "non_preferred_output": [{**ANSWER, "content": "5."}],
}
PROMPT = {"messages": [USER], "reference_answer": "4"}


def errors_of(name, record):
    return [finding.message for finding in Dataset.from_records([record]).examine(FORMATS[name]).errors]


def warnings_of(name, record):
    return [finding.message for finding in Dataset.from_records([record]).examine(FORMATS[name]).warnings]


def chat(*messages, **more):
    return {"messages": list(messages), **more}


def without(record, key):
    return {name: value for name, value in record.items() if name != key}


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("chat", chat(USER, CALLING, RESULT, ANSWER, tools=[TOOL], parallel_tool_calls=False)),
        ("chat", chat({**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1})),
        ("dpo", PAIR),
        ("dpo", {**PAIR, "input": {"messages": [USER, CALLING, RESULT], "tools": [TOOL], "parallel_tool_calls": True}}),
        ("dpo", {**PAIR, "preferred_output": [CALLING, RESULT, ANSWER]}),
        ("rft", PROMPT),
        ("rft", chat({"role": "developer", "content": "Be brief."}, USER, ANSWER, USER, anything={"goes": [1, None]})),
    ],
)
def test_a_good_record_has_no_findings(name, record):
    assert errors_of(name, record) == warnings_of(name, record) == []


@pytest.mark.parametrize(
    "record",
    [
        chat(USER, {**ANSWER, "weight": None, "tool_calls": None, "name": None}, tools=None),
        chat(USER, {**ANSWER, "reasoning_content": "Two and two…", "tool_calls": []}, source="a book", id=3),
        chat(USER, {"role": "assistant", "tool_calls": [{"function": {"name": "add", "arguments": {"a": 2}}}]}),
        chat(
            USER, {"role": "assistant", "tool_calls": [{"name": "add", "arguments": {"a": 2}}]}, tools=[{"name": "add"}]
        ),
        chat(USER, CALLING, {"role": "tool", "name": "add", "content": "4"}, ANSWER),
        chat(USER, {"role": "assistant", "content": "<|endoftext|>"}),
    ],
    ids=["nulls", "further keys", "arguments as an object", "no wrapper", "a result without an id", "special tokens"],
)
def test_what_trainers_of_open_models_take_is_no_fault(record):
    assert errors_of("chat", record) == warnings_of("chat", record) == []


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (
            chat({**USER, "weight": 0}, ANSWER),
            "message 1 has a weight and is not from the assistant, who alone is learnt from.",
        ),
        (chat(USER, {**ANSWER, "weight": 2}), "message 2 has the weight 2; it must be the integer 0 or 1."),
        (chat(USER, {**ANSWER, "weight": 0.5}), "message 2 has the weight 0.5; it must be the integer 0 or 1."),
        (chat(USER, {**ANSWER, "weight": True}), "message 2 has the weight true; it must be the integer 0 or 1."),
        (chat(USER, {**ANSWER, "weight": "1"}), "message 2 has the weight a string; it must be the integer 0 or 1."),
        (
            chat(USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 0}),
            "there is nothing to learn: every message from the assistant has the weight 0.",
        ),
        (chat(USER, {**ANSWER, "tool_calls": CALL}), "message 2 has an object as its 'tool_calls'; it must be a list."),
        (chat(USER, {**CALLING, "tool_calls": ["add"]}), "message 2, tool call 1, is a string, not an object."),
        (
            chat(USER, {**CALLING, "tool_calls": [CALL, {**CALL, "function": "add"}]}),
            "message 2, tool call 2, has a string as its 'function'; it must be an object.",
        ),
        (
            chat(USER, {**CALLING, "tool_calls": [{**CALL, "function": {"arguments": "{}"}}]}),
            "message 2, tool call 1, has a function without a name.",
        ),
        (
            chat(USER, {**CALLING, "tool_calls": [{**CALL, "function": {"name": "add", "arguments": [2, 2]}}]}),
            "message 2, tool call 1, has a list as its 'arguments'; it must be JSON text or an object.",
        ),
        (chat(USER, ANSWER, tools="add"), "'tools' is a string, not a list of functions."),
        (chat(USER, ANSWER, tools=[TOOL, "add"]), "tool 2 is a string, not an object."),
        (
            chat(USER, ANSWER, tools=[{"type": "function", "function": {}}]),
            'tool 1 names no function; a tool looks like {"type": "function", "function": {"name": …}}.',
        ),
        (chat(USER, ANSWER, tools=[{"function": 3}]), "tool 1 names no function; a tool looks like"),
    ],
)
def test_a_conversation_that_teaches_nothing_well_is_refused(record, sentence):
    (error,) = errors_of("chat", record)
    assert error.startswith(sentence)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (
            chat(USER, RESULT, ANSWER),
            "message 2 answers the tool call 'call_1', which no message before it makes.",
        ),
        (
            chat(USER, CALLING, ANSWER),
            "message 3, from the assistant, follows a tool call of its own that no tool has answered.",
        ),
        (chat(USER, {**ANSWER, "content": "  "}), "message 2, from the assistant, is blank."),
    ],
)
def test_a_conversation_that_looks_wrong_is_warned_of(record, sentence):
    assert errors_of("chat", record) == []
    assert warnings_of("chat", record) == [sentence]


@pytest.mark.parametrize(
    ("record", "sentences"),
    [
        (without(PAIR, "input"), ["has no 'input'; its keys are 'preferred_output', 'non_preferred_output'."]),
        (chat(USER, ANSWER), ["has no 'input'; its keys are 'messages'.", "has no 'preferred_output'; its keys are 'messages'.", "has no 'non_preferred_output'; its keys are 'messages'."]),
        ({**PAIR, "input": [USER]}, ["'input' is a list, not an object; it must look like {\"messages\": […]}."]),
        ({**PAIR, "input": {}}, ["'input': has no 'messages'; its keys are none."]),
        ({**PAIR, "input": {"messages": [{"role": "human", "content": "Hi"}]}}, ["'input': message 1 has the role 'human'; the roles are system, developer, user, assistant, tool, function."]),
        ({**PAIR, "input": {"messages": [USER], "tools": "add"}}, ["'input': 'tools' is a string, not a list of functions."]),
        ({**PAIR, "preferred_output": ANSWER}, ["'preferred_output' is an object, not a list of messages."]),
        ({**PAIR, "preferred_output": []}, ["'preferred_output' is empty."]),
        ({**PAIR, "non_preferred_output": ["5."]}, ["'non_preferred_output': message 1 is a string, not an object."]),
        ({**PAIR, "non_preferred_output": [USER]}, ["'non_preferred_output': message 1 is from 'user'; an answer is made of messages from the assistant."]),
        ({**PAIR, "non_preferred_output": [RESULT]}, ["'non_preferred_output': no message is from the assistant."]),
        ({**PAIR, "preferred_output": [{"role": "assistant"}]}, ["'preferred_output': message 1 has no 'content'."]),
        (
            {"input": PAIR["input"], "preferred_completion": [ANSWER], "non_preferred_output": [ANSWER]},
            ["has 'preferred_completion'; services call it 'preferred_output': rename it."],
        ),
        (
            {**without(PAIR, "non_preferred_output"), "non_preferred_completion": [ANSWER]},
            ["has 'non_preferred_completion'; services call it 'non_preferred_output': rename it."],
        ),
    ],
)  # fmt: skip
def test_a_pair_that_is_none_is_refused(record, sentences):
    assert errors_of("dpo", record) == sentences


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({**PAIR, "non_preferred_output": [ANSWER]}, "the preferred output and the other are the same: nothing is learnt from it."),
        ({**PAIR, "preferred_output": [{**ANSWER, "content": ""}]}, "'preferred_output': message 1, from the assistant, is blank."),
        ({**PAIR, "input": {"messages": [USER, RESULT]}}, "'input': message 2 answers the tool call 'call_1', which no message before it makes."),
    ],
)  # fmt: skip
def test_a_pair_that_looks_wrong_is_warned_of(record, sentence):
    assert errors_of("dpo", record) == []
    assert warnings_of("dpo", record) == [sentence]


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({**PROMPT, "messages": [USER, ANSWER]}, "the last message is from 'assistant'; a prompt to be answered and graded must end with a user message."),
        ({**PROMPT, "messages": []}, "'messages' is empty."),
        ({"prompt": "2 + 2"}, "has no 'messages'; its keys are 'prompt'."),
        ({**PROMPT, "messages": [{**USER, "content": 4}]}, "message 1 has a number as its 'content'; it must be text."),
    ],
)  # fmt: skip
def test_a_prompt_that_cannot_be_graded_is_refused(record, sentence):
    assert errors_of("rft", record) == [sentence]


def test_a_prompt_without_a_reference_is_warned_of():
    sentence = "has nothing beside its messages that a grader could compare an answer with."
    assert warnings_of("rft", chat(USER, tools=[TOOL])) == [sentence]
    assert errors_of("rft", chat(USER)) == []


def test_a_format_is_made_of_another_by_adding_rules():
    def is_short(summary):
        if summary.records > 1:
            yield None, "has more than one record."

    def is_english(record):
        if "Ä" in str(record):
            yield "is not English."

    form = FORMATS["chat"].with_rules(is_english, whole=(is_short,))
    report = Dataset.from_records([chat(USER, {**ANSWER, "content": "Ä"}), chat(USER)]).examine(form)

    assert [str(error) for error in report.errors] == [
        "<records>:1: is not English.",
        "<records>:2: the last message is from 'user'; a training example must end with an assistant message.",
        "<records>: has more than one record.",
    ]
    assert FORMATS["chat"].whole == ()


def test_a_format_may_have_no_rules_and_data_must_still_be_there():
    form = Format(name="anything", rules=())
    assert Dataset.from_records([{}]).examine(form).errors == ()
    (error,) = Dataset.from_records([]).examine(form).errors
    assert error.message == "is empty; a dataset has at least one record."
