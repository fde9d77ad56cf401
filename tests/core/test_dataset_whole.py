"""What is said of a dataset as a whole: repeats, overlap with a validation set, and how much is kept of all that is found."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from motools import Dataset
from motools.datasets import CHAT_FORMAT, FORMATS, Format, report as report_module
from motools.datasets.rules import Summary, has_no_repeats
from motools.datasets.sameness import Seen


def record(text, **more):
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Hello"}], **more}


def examined(tmp_path, *lines, name="train.jsonl", trained_on=None, form=CHAT_FORMAT):
    path = tmp_path / name
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return Dataset(path).examine(form, trained_on=trained_on)


def said(findings, tmp_path):
    return [str(finding).replace(f"{tmp_path}/", "") for finding in findings]


def test_a_report_counts_records_and_bytes(tmp_path):
    report = examined(tmp_path, record("Hi"), "", "no record", record("Bye"))
    assert (report.records, report.size) == (3, (tmp_path / "train.jsonl").stat().st_size)
    assert (
        Dataset.from_records([record("Hi")]).examine().size == len(json.dumps(record("Hi"), separators=(",", ":"))) + 1
    )


def test_records_that_are_there_twice_are_one_warning(tmp_path):
    report = examined(tmp_path, record("a"), record("b"), "", record("a"), record("c"), record("b"), record("a"))
    assert report.errors == ()
    assert said(report.warnings, tmp_path) == [
        "train.jsonl:4: is the same record as line 1. 3 of 6 records repeat an earlier one: lines 4, 6, 7."
    ]


def test_of_many_repeats_the_first_lines_are_named(tmp_path):
    (warning,) = examined(tmp_path, *[record("a")] * 1200).warnings
    assert warning.message.endswith(
        "1,199 of 1,200 records repeat an earlier one: lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1,189 more."
    )


@pytest.mark.parametrize(
    "again",
    [
        '{"messages":[{"content":"Gr\\u00fc\\u00dfe","role":"user"},{"role":"assistant","content":"Hello"}]}',
        json.dumps(record("Grüße"), indent=None, ensure_ascii=False, separators=(" , ", " : ")),
    ],
    ids=["escapes and order of keys", "spaces"],
)  # fmt: skip
def test_a_record_is_the_same_however_its_json_is_spelt(tmp_path, again):
    (warning,) = examined(tmp_path, record("Grüße"), again).warnings
    assert warning.line == 2
    assert warning.message == "is the same record as line 1. 1 of 2 records repeats an earlier one: line 2."


def test_records_that_differ_in_anything_are_no_repeats(tmp_path):
    other = [record("a", source=1), record("A"), {"messages": record("a")["messages"][::-1]}]
    assert not [each for each in examined(tmp_path, record("a"), *other).warnings if "same record" in each.message]


def test_a_record_that_cannot_be_read_is_no_repeat(tmp_path):
    report = examined(tmp_path, "{", "{")
    assert (len(report.errors), report.warnings) == (2, ())


def test_what_is_trained_on_as_well_is_named_with_both_places(tmp_path):
    train = examined(tmp_path, record("a"), record("b"), record("c"))
    held_out = examined(
        tmp_path, record("x"), record("c"), record("y"), record("a"), name="held_out.jsonl", trained_on=train
    )
    first = "held_out.jsonl:2: is trained on as well: train.jsonl:3 is the same record."
    assert said(held_out.warnings, tmp_path) == [f"{first} 2 of 4 records repeat one of the training set: lines 2, 4."]
    assert held_out.errors == ()
    assert examined(tmp_path, record("x"), name="held_out.jsonl", trained_on=train).warnings == ()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_looks_for_repeats_and_overlap(name):
    pair = {"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}
    twice = Dataset.from_records([pair, pair])
    train = twice.examine(FORMATS[name])
    found = twice.examine(FORMATS[name], trained_on=train).warnings
    assert [finding.message.partition(".")[0] for finding in found][-2:] == [
        "is the same record as line 1",
        "is trained on as well: <records>:1 is the same record",
    ]


def test_a_record_of_any_depth_is_judged(tmp_path):
    record_of = '{{"messages": [{{"role": "assistant", "content": "Hi"}}], "x": {}}}'.format
    deep = [record_of("[" * depth + "]" * depth) for depth in range(1, 1100)]
    sentences = {error.message for error in examined(tmp_path, *deep).errors}
    assert sentences == {"is nested too deeply to be read."}


def test_a_rule_for_the_whole_is_not_asked_where_there_is_nothing_to_read(tmp_path):
    def is_large(summary):
        yield None, f"has {summary.records} records."

    form = Format(name="large", rules=(), whole=(is_large,))
    assert said(Dataset(tmp_path / "none.jsonl").examine(form).errors, tmp_path) == [
        "none.jsonl: there is no such file."
    ]
    assert said(examined(tmp_path, form=form).errors, tmp_path) == [
        "train.jsonl: is empty; a dataset has at least one record.",
        "train.jsonl: has 0 records.",
    ]


def test_an_error_behind_many_warnings_is_found(tmp_path):
    blank = {"messages": [{"role": "assistant", "content": ""}]}
    report = examined(tmp_path, *[blank] * 1100, "no record")
    assert said(report.errors, tmp_path) == ["train.jsonl:1101: is not valid JSON: Expecting value at column 1."]
    assert len(report.warnings) == report_module.MOST_FINDINGS + 1
    assert report.warnings[-1].message == "has 101 more warnings; the first 1,000 are listed."


def test_records_are_remembered_up_to_a_limit():
    seen = Seen(most=3)
    assert [seen.first(digest, line) for line, digest in enumerate([7, 8, 8, 9], start=1)] == [None, None, 2, None]
    assert seen.full_at is None
    assert [seen.first(digest, line) for line, digest in enumerate([10, 10, 9, 11], start=5)] == [None, None, 4, None]
    assert (seen.full_at, seen.line_of(7), seen.line_of(10)) == (5, 1, None)


def test_what_was_not_compared_is_said():
    (finding,) = has_no_repeats(Summary(records=9, size=900, compared_until=5))
    assert finding == (
        5,
        "this record and those after it were compared with those before it only: there are too many to remember.",
    )


@pytest.mark.slow
def test_memory_stays_within_what_is_said(tmp_path):
    """About a hundred bytes for each different record, and nothing for the size of the file."""
    path = tmp_path / "large.jsonl"
    with path.open("w") as file:
        file.writelines(f"{json.dumps(record(f'{number} ' + 'x' * 420))}\n" for number in range(50_000))
    code = (
        "import resource, sys\n"
        "from motools import Dataset\n"
        "Dataset.from_records([{}]).examine()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "report = Dataset(sys.argv[1]).examine()\n"
        "assert (report.records, report.errors, report.warnings) == (50_000, (), ())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True).stdout
    assert path.stat().st_size > 25_000_000
    assert int(grown) * 1024 < 50_000 * 200, "kilobytes of memory grown"
