"""Whatever is made of valid turns passes, and whatever is JSON is judged without an accident."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from motools import Dataset
from motools.datasets import FORMATS

pytestmark = pytest.mark.slow  # draws large records

patiently = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

RESERVED = {"role", "content", "weight", "tool_calls", "tool_call_id", "function_call"}

characters = st.characters(codec="utf-8")
texts = st.text(characters, max_size=12)
answers = texts.filter(str.strip)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
further = st.dictionaries(texts.filter(lambda key: key not in RESERVED), json_values, max_size=2)


@st.composite
def contents(draw, written):
    return draw(written | st.lists(st.builds(dict, type=st.just("text"), text=written), min_size=1, max_size=2))


@st.composite
def messages_from(draw, role, written=texts):
    return draw(further) | {"role": role, "content": draw(contents(written))}


@st.composite
def answered_calls(draw):
    """A message that calls tools, the result of each call, and as often as not no ids: some templates have none."""
    count, with_ids = draw(st.integers(1, 3)), draw(st.booleans())
    calls, results = [], []
    for number in range(count):
        arguments = draw(st.none() | texts | st.dictionaries(texts, json_values, max_size=2))
        function = {"name": draw(texts), "arguments": arguments}
        calls.append(draw(st.sampled_from([{"type": "function", "function": function}, function])))
        results.append(draw(messages_from("tool")))
        if with_ids:
            calls[-1] = calls[-1] | {"id": f"call_{number}"}
            results[-1] |= {"tool_call_id": f"call_{number}"}
    content = draw(st.sampled_from([{}, {"content": None}, {"content": "Let me see."}]))
    return [{"role": "assistant", **content, "tool_calls": calls}, *results]


@st.composite
def exchanges(draw):
    asked = draw(st.lists(messages_from("user"), min_size=1, max_size=2))
    called = draw(st.lists(answered_calls(), max_size=2))
    return [
        *asked,
        *(message for messages in called for message in messages),
        draw(messages_from("assistant", answers)),
    ]


@st.composite
def prompts(draw):
    start = draw(st.lists(st.sampled_from(["system", "developer"]).flatmap(messages_from), max_size=1))
    return start + [message for messages in draw(st.lists(exchanges(), max_size=2)) for message in messages]


@st.composite
def tools(draw):
    functions = st.builds(
        dict, name=texts, description=texts, parameters=st.dictionaries(texts, json_values, max_size=2)
    )
    listed = st.lists(
        functions.map(lambda function: {"type": "function", "function": function}) | functions, max_size=2
    )
    return draw(st.just({}) | st.builds(dict, tools=st.none() | listed))


@st.composite
def conversations(draw):
    messages = draw(prompts()) + draw(exchanges())
    for message in messages[:-1]:
        if message["role"] == "assistant":
            message |= draw(st.sampled_from([{}, {"weight": 0}, {"weight": 1}, {"weight": None}]))  # noqa: PLW2901  (in place)
    return draw(further) | {"messages": messages} | draw(tools())


@st.composite
def pairs(draw):
    def output(text):
        return [*draw(st.sampled_from([[], draw(answered_calls())])), {"role": "assistant", "content": text}]

    asked = {"messages": [*draw(prompts()), draw(messages_from("user"))]} | draw(tools())
    return {"input": asked, "preferred_output": output("Yes."), "non_preferred_output": output("No.")}


@st.composite
def graded(draw):
    asked = [*draw(prompts()), draw(messages_from("user"))]
    return {"messages": asked} | draw(tools()) | {"answer": draw(json_values)}


@pytest.mark.parametrize(("name", "records"), [("chat", conversations()), ("dpo", pairs()), ("rft", graded())])
def test_whatever_is_made_of_valid_turns_has_no_findings(name, records):
    @patiently
    @given(records)
    def judge(record):
        report = Dataset.from_records([record]).examine(FORMATS[name])
        assert [str(finding) for finding in (*report.errors, *report.warnings)] == []

    judge()


def damaged(value):
    """Return a strategy of the value with something anywhere in it replaced, left out or added."""
    if isinstance(value, dict) and value:
        changed = st.sampled_from(sorted(value)).flatmap(
            lambda key: st.one_of(
                damaged(value[key]).map(lambda other: {**value, key: other}),
                st.just({name: inner for name, inner in value.items() if name != key}),
            )
        )
        return changed | json_values
    if isinstance(value, list) and value:
        places = st.integers(0, len(value) - 1)
        changed = places.flatmap(lambda n: damaged(value[n]).map(lambda other: [*value[:n], other, *value[n + 1 :]]))
        return changed | json_values
    return json_values


@pytest.mark.parametrize("name", FORMATS)
def test_whatever_is_json_is_judged(name):
    @patiently
    @given((conversations() | pairs() | graded()).flatmap(damaged), st.sampled_from(list(FORMATS)))
    def judge(record, other):
        line = json.dumps(record).encode()
        dataset = Dataset.from_records([record] if isinstance(record, dict) else [])
        train = dataset.examine(FORMATS[other])
        for finding in dataset.examine(FORMATS[name], trained_on=train).errors:
            assert finding.message.endswith("."), line
            assert "\n" not in finding.message

    judge()
