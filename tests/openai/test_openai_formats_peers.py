"""OpenAI's formats against its published schemas of training lines, and against another project's validator.

Whatever those refuse is refused here, but for the differences that are listed with their reasons.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from accidents import accidents
from drawn_lines import chats, graded, pairs
from hypothesis import HealthCheck, given, settings, strategies as st
from payloads import payload
from spec_judge.description import registry, resolvable

from motools import Dataset
from motools.datasets import FORMATS as SHARED
from motools.datasets.report import MOST_FINDINGS
from motools_openai.formats import FORMATS

pytestmark = pytest.mark.slow  # many lines, and a wheel that is fetched once

patiently = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

USER = {"role": "user", "content": "What is 2 + 2?"}
ANSWER = {"role": "assistant", "content": "4."}
CALLED = {"role": "assistant", "function_call": {"name": "add", "arguments": "{}"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {}, "strict": True}}
ASKED = [
    {"role": "system", "content": [{"type": "text", "text": "Be brief."}], "name": "rules"},
    {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "https://127.0.0.1/a.png", "detail": "low"}}],
    },
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "weight": 0, "refusal": None},
    USER,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "4"},
]
OLD = {
    "messages": [USER, CALLED, {"role": "function", "name": "add", "content": "4"}, ANSWER],
    "functions": [TOOL["function"]],
}
RICH = {
    "chat": [{"messages": [*ASKED, {**ANSWER, "weight": 1}], "tools": [TOOL], "parallel_tool_calls": True}, OLD],
    "dpo": [
        {
            "input": {"messages": ASKED, "tools": [TOOL], "parallel_tool_calls": True},
            "preferred_output": [ANSWER],
            "non_preferred_output": [{"role": "assistant", "tool_calls": [CALL]}],
        }
    ],
}
"""Records with something of everything, by format."""


def errors_of(name, record, formats=FORMATS):
    """Examine a record as the one line of a validation set, of which there may be few."""
    train = Dataset.from_records([{}]).examine(formats[name])
    return [str(each) for each in Dataset.from_records([record]).examine(formats[name], trained_on=train).errors]


@pytest.mark.parametrize(("name", "lines"), [("chat", chats()), ("dpo", pairs()), ("rft", graded())])
def test_whatever_is_made_of_valid_turns_passes_at_openai_and_everywhere(name, lines):
    @patiently
    @given(lines)
    def judge(record):
        assert errors_of(name, record) == []
        assert errors_of(name, record, SHARED) == []

    judge()


def schema_of(name):
    """Return the published schema of a line; DPO's with the names that the service takes."""
    schema = payload(f"training_lines/{name}")["schema"]
    renamed = {key.replace("completion", "output"): value for key, value in schema["properties"].items()}
    required = {"FineTuneChatRequestInput": ["messages"], "FineTunePreferenceRequestInput": [*renamed]}[name]
    return {**resolvable(schema), "properties": resolvable(renamed), "required": required}


SCHEMAS = {"chat": "FineTuneChatRequestInput", "dpo": "FineTunePreferenceRequestInput"}


@pytest.fixture(params=SCHEMAS)
def line_schema(request):
    return request.param, jsonschema.Draft202012Validator(schema_of(SCHEMAS[request.param]), registry=registry())


def test_the_examples_of_the_schemas_pass(line_schema):
    name, schema = line_schema
    example = payload(f"training_lines/{SCHEMAS[name]}")["example"]
    example = {key.replace("completion", "output"): value for key, value in example.items()}
    for record in [example, *RICH[name]]:
        schema.validate(record)
        assert errors_of(name, record) == []


def refused_here(path, texts, name="chat"):
    """Return the places in a list of lines that are refused here."""
    refused = set()
    for start in range(0, len(texts), 300):  # no more than the findings that a report holds
        path.write_text("".join(f"{text}\n" for text in texts[start : start + 300]))
        errors = Dataset(path).examine(FORMATS[name]).errors
        assert len(errors) < MOST_FINDINGS
        refused |= {start + error.line - 1 for error in errors if error.line}
    return refused


def test_what_passes_here_is_valid_by_the_schemas(line_schema, tmp_path):
    name, schema = line_schema
    records = [record for rich in RICH[name] for record in accidents(rich)]
    assert [schema.is_valid(record) for record in records[:12]] == [False] * 12
    refused = refused_here(tmp_path / "train.jsonl", [json.dumps(record) for record in records], name)
    passed = [record for place, record in enumerate(records) if place not in refused]
    assert len(records) > len(passed) > 100
    assert [(error.json_path, error.instance) for record in passed for error in schema.iter_errors(record)] == []


LLMCOMP = "llmcomp==1.6.0"
SHA256 = "56c7e298b399a533c2e4575610ccc35958f2450b0de12d8f14249ddb7aa76c33"


@pytest.fixture(scope="session")
def llmcomp():
    """Return the validator of llmcomp (MIT licence): one module of its wheel, which is fetched once into the environment."""
    place = Path(sys.prefix) / "peers"
    place.mkdir(exist_ok=True)
    wheel = place / "llmcomp-1.6.0-py3-none-any.whl"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wheel.exists():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            done = subprocess.run([*pip, "--dest", place, LLMCOMP], capture_output=True, text=True, check=False)
            assert wheel.exists(), f"{LLMCOMP} could not be fetched: {done.stderr}"
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == SHA256
        with zipfile.ZipFile(wheel) as archive:
            source = Path(archive.extract("llmcomp/finetuning/validation.py", place))
    spec = importlib.util.spec_from_file_location("llmcomp_validation", source)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.validate_finetuning_file


DIFFERENCES = {
    r"invalid role 'developer'": (
        {"messages": [{"role": "developer", "content": "Be brief."}, USER, ANSWER]},
        "the role that reasoning models have in place of 'system'; the API takes it everywhere",
    ),
    r"invalid role 'function'": (
        {"messages": [USER, {**CALLED, "content": None}, {"role": "function", "name": "add", "content": "4"}, ANSWER]},
        "the forerunner of 'tool', deprecated and in the description of training lines",
    ),
    r"unknown key\(s\) for role 'assistant': (function_call|refusal|function_call, refusal)\. ": (
        {"messages": [USER, {**CALLED, "content": "", "refusal": None}, {**USER}, ANSWER]},
        "keys that the description gives an assistant's message",
    ),
    r"missing 'content' in .*function_call": (
        {"messages": [USER, CALLED, USER, ANSWER]},
        "who calls a function need not speak",
    ),
}
"""What llmcomp says (in which text), of which record that passes here, and why it does."""


def refused_there(llmcomp, path, texts, start=0):
    """Return the places in a list of lines that llmcomp refuses, by what is no deliberate difference."""
    path.write_text("".join(f"{text}\n" for text in texts))
    try:
        errors = llmcomp(str(path), min_examples=1).errors
    except TypeError:  # a role that is a list or an object is more than it can take: so that line is refused
        middle = len(texts) // 2
        halves = [(texts[:middle], start), (texts[middle:], start + middle)] if middle else []
        return {place for half in halves for place in refused_there(llmcomp, path, *half)} if halves else {start}
    return {start + each.line - 1 for each in errors if not is_difference(each.message, texts[each.line - 1])}


def is_difference(message, text):
    return any(re.search(known, f"{message} in {text}") for known in DIFFERENCES)


@pytest.mark.parametrize("said", DIFFERENCES)
def test_each_difference_is_one(llmcomp, tmp_path, said):
    record, reason = DIFFERENCES[said]
    path = tmp_path / "train.jsonl"
    text = json.dumps(record)
    path.write_text(f"{text}\n")
    errors = llmcomp(str(path), min_examples=1).errors
    assert any(re.search(said, f"{error.message} in {text}") for error in errors), reason
    assert errors_of("chat", record) == []


def test_what_llmcomp_refuses_is_refused_here(llmcomp, tmp_path):
    path = tmp_path / "train.jsonl"
    texts = [json.dumps(record) for rich in RICH["chat"] for record in accidents(rich)]
    texts += [text[:cut] for text in texts[-1:] for cut in range(1, len(text))]
    refused = refused_here(path, texts)
    theirs = refused_there(llmcomp, path, texts)
    assert [texts[place] for place in theirs - refused] == []
    assert len(theirs) > len(texts) / 3


def test_good_files_pass_at_both_and_short_ones_at_none(llmcomp, tmp_path):
    path = tmp_path / "train.jsonl"

    @settings(patiently, max_examples=20)
    @given(st.lists(chats(), min_size=8, max_size=12))
    def judge(records):
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
        theirs = llmcomp(str(path), min_examples=10).errors
        ours = Dataset(path).examine(FORMATS["chat"]).errors
        assert [error.line for error in theirs] == [error.line or 0 for error in ours] == [0] * (len(records) < 10)

    judge()
