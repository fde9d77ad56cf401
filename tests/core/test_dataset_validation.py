"""What is said of data that cannot be trained on."""

from __future__ import annotations

import json
import os

import pytest

from motools import Dataset
from motools.datasets import Severity, report as report_module
from motools.datasets.rules import CHAT
from motools.errors import DatasetError

USER = {"role": "user", "content": "Hi"}
ANSWER = {"role": "assistant", "content": "Hello"}
GOOD = json.dumps({"messages": [USER, ANSWER]})


def findings_of(tmp_path, content):
    path = tmp_path / "train.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [str(finding).replace(f"{path}", "train.jsonl") for finding in Dataset(path).validate()]


def test_good_data_has_no_findings(tmp_path):
    assert findings_of(tmp_path, f"{GOOD}\n{GOOD}\n") == []
    assert findings_of(tmp_path, GOOD) == []
    assert findings_of(tmp_path, f"{GOOD}\r\n\r\n{GOOD}\r\n\n") == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"messages": [', "is not valid JSON: Expecting value at column 15."),
        (b"plain text", "is not valid JSON: Expecting value at column 1."),
        (b'{"a": 1} {"b": 2}', "is not valid JSON: Extra data at column 10."),
        (b'{"a": NaN}', "is not valid JSON: NaN is not JSON."),
        (b'{"a": -Infinity}', "is not valid JSON: -Infinity is not JSON."),
        (b"[" * 100_000, "is nested too deeply to be read."),
        (b"[1, 2]", 'is a list, not an object; a line must look like {"messages": […]}.'),
        (b"3", 'is a number, not an object; a line must look like {"messages": […]}.'),
        (b"null", 'is null, not an object; a line must look like {"messages": […]}.'),
        (b'{"text": "caf\xe9"}', "is not UTF-8: byte 0xe9 at column 14."),
        (b'{"prompt": "x", "completion": "y"}', "has no 'messages'; its keys are 'prompt', 'completion'."),
        (b"{}", "has no 'messages'; its keys are none."),
        (b'{"messages": []}', "'messages' is empty."),
        (b'{"messages": "Hi"}', "'messages' is a string, not a list."),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path, line, sentence):
    assert findings_of(tmp_path, GOOD.encode() + b"\n" + line + b"\n") == [f"train.jsonl:2: {sentence}"]


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([USER], "the last message is from 'user'; a training example must end with an assistant message."),
        ([ANSWER, USER], "the last message is from 'user'; a training example must end with an assistant message."),
        (["Hi", ANSWER], "message 1 is a string, not an object."),
        ([USER, ["Hi"]], "message 2 is a list, not an object."),
        ([{"content": "Hi"}, ANSWER], "message 1 has no 'role'; the roles are"),
        ([{**USER, "role": "human"}, ANSWER], "message 1 has the role 'human'; the roles are system, developer"),
        ([{**USER, "role": ["user"]}, ANSWER], "message 1 has the role ['user']; the roles are"),
        ([USER, {**ANSWER, "role": "Assistant"}], "message 2 has the role 'Assistant'; the roles are"),
        ([{"role": "user"}, ANSWER], "message 1 has no 'content'."),
        ([USER, {"role": "assistant", "content": None}], "message 2 has null as its 'content'; it must be text."),
        ([{**USER, "content": 7}, ANSWER], "message 1 has a number as its 'content'; it must be text."),
        ([{**USER, "content": True}, ANSWER], "message 1 has a boolean as its 'content'; it must be text."),
        ([{**USER, "content": {}}, ANSWER], "message 1 has an object as its 'content'; it must be text."),
        ([{**USER, "content": []}, ANSWER], "message 1 has an empty list as its 'content'"),
        ([{**USER, "content": ["Hi"]}, ANSWER], "message 1 has a part of content that is no object with a 'type'."),
        ([{**USER, "content": [{"type": "text"}]}, ANSWER], "message 1 has a part of type 'text' without text."),
        ([{**USER, "content": "\ud83c"}, ANSWER], "message 1 holds half of a surrogate pair, which is no character."),
        ([USER, {"role": "assistant", "content": " \n"}], "message 2, from the assistant, is blank."),
    ],
)
def test_a_conversation_that_cannot_be_trained_on_is_described(tmp_path, messages, sentence):
    (finding,) = findings_of(tmp_path, f"{GOOD}\n{json.dumps({'messages': messages})}\n{GOOD}\n")
    assert finding.startswith(f"train.jsonl:2: {sentence}")


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": ""}, USER, ANSWER],
        [{"role": "developer", "content": "x"}, USER, ANSWER, USER, ANSWER],
        [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": "4"},
            ANSWER,
        ],
        [USER, {"role": "assistant", "tool_calls": [{"id": "1"}]}],
        [
            {**USER, "content": [{"type": "text", "text": "é"}, {"type": "image_url", "image_url": {"url": "…"}}]},
            ANSWER,
        ],
        [ANSWER],
    ],
)
def test_what_services_accept_is_accepted(tmp_path, messages):
    assert findings_of(tmp_path, json.dumps({"messages": messages})) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "train.jsonl: is empty; a dataset has at least one record."),
        (b"\n \n", "train.jsonl: is empty; a dataset has at least one record."),
        (
            b"\xef\xbb\xbf" + GOOD.encode(),
            "train.jsonl:1: begins with a byte order mark; save the file as UTF-8 without one.",
        ),
        (GOOD.encode("utf-16"), "train.jsonl:1: is UTF-16; save the file as UTF-8."),
    ],
)
def test_a_file_that_is_no_jsonl_is_described(tmp_path, content, sentence):
    assert findings_of(tmp_path, content) == [sentence]


def test_what_is_no_file_is_described(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert [str(f) for f in Dataset(tmp_path / "nothing").validate()] == [f"{tmp_path}/nothing: there is no such file."]
    assert "is a directory" in str(Dataset(tmp_path).validate()[0])
    assert "is not a regular file" in str(Dataset(tmp_path / "pipe").validate()[0])
    assert "cannot be read: File name too long" in str(Dataset(tmp_path / ("x" * 300)).validate()[0])
    assert "cannot be read: embedded null byte" in str(Dataset("a\0b").validate()[0])


def test_all_findings_come_at_once_in_the_order_of_the_file(tmp_path):
    bad = json.dumps({"messages": [{"role": "human"}, USER]})
    found = findings_of(tmp_path, f"{GOOD}\nno\n{bad}\n")
    assert [finding.split(": ")[0] for finding in found] == ["train.jsonl:2"] + ["train.jsonl:3"] * 3


def test_collecting_stops_and_says_so(tmp_path):
    found = findings_of(tmp_path, "no\n" * 5000)
    assert len(found) == report_module.MOST_FINDINGS + 1
    assert found[-1] == "train.jsonl: has more than 1000 findings; the rest was not looked at."


def test_a_line_without_end_is_not_read_into_memory(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(f"{GOOD}\n")
    os.truncate(path, 2**30)
    (finding,) = Dataset(path).validate()
    assert str(finding) == f"{path}:2: is longer than 64 MiB; JSON Lines has one record a line."


def test_a_blank_answer_is_a_warning_and_forbids_nothing(tmp_path):
    dataset = Dataset.from_records([{"messages": [USER, {**ANSWER, "content": ""}]}])
    (finding,) = dataset.validate()
    assert finding.severity is Severity.WARNING
    dataset.check()


def test_check_raises_all_errors_and_shows_the_first_twenty():
    dataset = Dataset.from_records([{"messages": [USER]}] * 30)
    with pytest.raises(DatasetError) as caught:
        dataset.check()
    assert len(caught.value.findings) == 30
    assert caught.value.findings[29].startswith("<records>:30: the last message is from 'user'")
    assert str(caught.value).endswith("… and 10 more.")


def test_a_service_adds_its_own_rules():
    def has_no_tools(record):
        if "tools" in record:
            yield "'tools' is not supported here."

    dataset = Dataset.from_records([{"messages": [USER, ANSWER], "tools": []}])
    assert dataset.validate() == []
    assert [str(f) for f in dataset.validate([*CHAT, has_no_tools])] == ["<records>:1: 'tools' is not supported here."]
