"""Datasets: reading, digesting and saving."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, strategies as st

from motools import Dataset
from motools.datasets import jsonl
from motools.errors import DatasetError

HELLO = {"messages": [{"role": "user", "content": "Grüße 🎈"}, {"role": "assistant", "content": "Hello"}]}
LINE = '{"messages":[{"role":"user","content":"Grüße 🎈"},{"role":"assistant","content":"Hello"}]}\n'


def test_records_are_digested_as_the_jsonl_they_would_be_saved_as():
    assert Dataset.from_records([HELLO, HELLO]).sha256() == hashlib.sha256((LINE * 2).encode()).hexdigest()


async def test_saving_records_writes_what_was_digested(tmp_path):
    dataset = Dataset.from_records([HELLO])
    await dataset.save(tmp_path / "train.jsonl")
    assert (tmp_path / "train.jsonl").read_bytes() == LINE.encode()
    assert Dataset(tmp_path / "train.jsonl").sha256() == dataset.sha256()


def test_the_digest_of_a_file_is_of_its_bytes_as_they_are(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"messages": [] }\r\n\n')
    assert Dataset(path).sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_records_are_as_they_were_when_the_dataset_was_made():
    records = [{"messages": [{"role": "user", "content": "before"}]}]
    dataset = Dataset.of(records)
    digest = dataset.sha256()
    records[0]["messages"][0]["content"] = "after"
    assert dataset.sha256() == digest
    assert list(dataset) == [{"messages": [{"role": "user", "content": "before"}]}]


def test_any_iterable_of_mappings_is_a_dataset():
    frozen = MappingProxyType({"messages": (MappingProxyType({"role": "assistant", "content": "Hi"}),)})
    dataset = Dataset.of(frozen for _ in range(2))
    assert list(dataset) == [{"messages": [{"role": "assistant", "content": "Hi"}]}] * 2
    assert dataset.count() == 2
    assert Dataset.of(dataset) is dataset


def test_records_come_with_their_line_numbers_and_blank_lines_count(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"a":1}\n\n  \r\n{"a":2}\r\n{"a":3}')
    dataset = Dataset(str(path))
    assert list(dataset.numbered()) == [(1, {"a": 1}), (4, {"a": 2}), (5, {"a": 3})]
    assert dataset.count() == 3


def test_reading_stops_with_the_line_that_is_no_record(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"a": 1}\n{"a": \n')
    records = Dataset(path).records()
    assert next(records) == {"a": 1}
    with pytest.raises(DatasetError, match=r"train\.jsonl:2: is not valid JSON"):
        next(records)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("text", "<records>:2: is a string, not an object"),
        ({"messages": object()}, "<records>:2: cannot be written as JSON: a value of type object is not JSON"),
        ({"weight": float("nan")}, "<records>:2: cannot be written as JSON"),
        ({"text": "\ud800"}, "<records>:2: cannot be written as JSON"),
    ],
)
def test_a_record_that_is_no_json_is_refused_at_once_with_its_number(record, words):
    with pytest.raises(DatasetError, match=words):
        Dataset.from_records([HELLO, record])


def test_something_that_is_no_dataset_is_refused():
    with pytest.raises(DatasetError, match=r"a path, a motools\.Dataset or a list of records, not a NoneType"):
        Dataset.of(None)
    with pytest.raises(DatasetError, match="is a string, not an object"):
        Dataset.of(HELLO)


def test_nothing_is_opened_before_it_is_read(tmp_path):
    dataset = Dataset(tmp_path / "missing.jsonl")
    assert "missing.jsonl" in repr(dataset)
    for read in (dataset.sha256, dataset.count, dataset.open, lambda: next(dataset.records())):
        with pytest.raises(DatasetError, match="there is no such file"):
            read()


@pytest.mark.slow
@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(codec="utf-8")),
            st.integers()
            | st.text(st.characters(codec="utf-8"))
            | st.none()
            | st.floats(allow_nan=False, allow_infinity=False),
        )
    )
)
def test_records_come_back_as_they_went_in(records):
    dataset = Dataset.from_records(records)
    assert list(dataset) == records
    assert [jsonl.decode_line(jsonl.encode_record(record)) for record in records] == records


@pytest.mark.slow
def test_a_large_file_is_read_in_flat_memory(tmp_path):
    path = tmp_path / "large.jsonl"
    with path.open("wb") as file:
        for _ in range(256):
            file.write(LINE.encode() * 1000)
    code = (
        "import resource, sys\n"
        "from motools import Dataset\n"
        "d = Dataset(sys.argv[1])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "d.sha256(), d.count(), d.validate()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True).stdout
    assert path.stat().st_size > 20_000_000
    assert int(grown) < 10_000, "kilobytes of memory grown"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no device: a file that cannot be read to its end")
def test_a_file_that_fails_while_it_is_read_is_named():
    for read in (Dataset("/proc/self/mem").sha256, Dataset("/proc/self/mem").check):
        with pytest.raises(OSError, match="Input/output error") as caught:
            read()
        assert caught.value.filename == "/proc/self/mem"


@pytest.mark.parametrize("records", [[{"messages": []}], 7, None])
def test_what_is_no_path_is_told_what_makes_a_dataset_of_it(records):
    with pytest.raises(DatasetError, match=r"Dataset.of\(…\) takes a path, a dataset or records"):
        Dataset(records)
