"""The samples of a job as rows of JSON, written as each of them ends and brought into order at the end.

    samples.part     appended while the job runs, by every worker of it; of a sample that was asked again the last row counts
    samples.jsonl    each sample once, by task, epoch and the order of the dataset

What a dying worker could not write is read from Inspect's log. No more than an index is ever in memory.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

from inspect_ai.log import read_eval_log_sample
from pydantic_core import to_jsonable_python

from motools.files import finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from inspect_ai.log import EvalLog, EvalSample

LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's letters for correct, partial, incorrect and no answer, as its own metrics count them."""
PART = "samples.part"
Place = tuple[str, str | int, int]
"""Task, sample and epoch."""


def append(directory: Path, label: str, sample: EvalSample) -> None:
    """Note a sample that has ended."""
    text = json.dumps(row_of(label, sample), ensure_ascii=False, allow_nan=False)
    with (directory / PART).open("a", encoding="utf-8") as file:
        # A line of its own, also behind one that a dying worker left half-written.
        file.write(f"\n{text}\n")


def put_in_order(target: Path, logs: Mapping[str, EvalLog]) -> int:
    """Write the samples of finished logs, which are given by task, and return how many there are."""
    part, draft = target.with_name(PART), target.with_suffix(".draft")
    part.touch(0o600)
    count = 0
    with part.open("rb") as rows, draft.open("wb") as file:
        draft.chmod(0o600)
        index = _index(rows)
        for label, log in logs.items():
            for sample_id, epoch in _expected(log):
                line = _line(rows, index.get((label, sample_id, epoch))) or _from_log(log, label, sample_id, epoch)
                if line is not None:
                    file.write(line + b"\n")
                    count += 1
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    part.unlink()
    return count


def _index(rows: Any) -> dict[Place, int]:
    """Return where the last row of each sample begins."""
    found: dict[Place, int] = {}
    start = 0
    for line in rows:
        try:
            row = json.loads(line)
            found[row["task"], row["id"], row["epoch"]] = start
        except (ValueError, TypeError, KeyError):  # empty, or left by a dying worker
            pass
        start += len(line)
    return found


def _expected(log: EvalLog) -> Iterator[tuple[str | int, int]]:
    for epoch in range(1, (log.eval.config.epochs or 1) + 1):
        for sample_id in log.eval.dataset.sample_ids or ():
            yield sample_id, epoch


def _line(rows: Any, start: int | None) -> bytes | None:
    if start is None:
        return None
    rows.seek(start)
    line: bytes = rows.readline()
    return line.rstrip(b"\n")


def _from_log(log: EvalLog, label: str, sample_id: str | int, epoch: int) -> bytes | None:
    """Return the row of a sample that is in the log alone; None for one that was never asked (early stopping)."""
    try:
        sample = read_eval_log_sample(log.location, sample_id, epoch)
    except IndexError:
        return None
    return json.dumps(row_of(label, sample), ensure_ascii=False, allow_nan=False).encode()


def row_of(label: str, sample: EvalSample) -> dict[str, Any]:
    """Return what results say of a sample."""
    scores = sample.scores or {}
    return {
        "id": sample.id,
        "epoch": sample.epoch,
        "task": label,
        "input": sample.input if isinstance(sample.input, str) else [_message(each) for each in sample.input],
        "target": sample.target,
        "output": sample.output.completion,
        "scores": {name: number_of(score.value) for name, score in scores.items()},
        "answers": {name: score.answer for name, score in scores.items()},
        "explanations": {name: score.explanation for name, score in scores.items()},
        "metadata": finite(to_jsonable_python(sample.metadata, serialize_unknown=True)),
    }


def number_of(value: Any) -> Any:
    """Return a score's value, as a number where it is one of Inspect's letters."""
    if isinstance(value, str):
        return LETTERS.get(value, value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: number_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [number_of(item) for item in value]
    return value


def _message(message: Any) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


__all__ = ["append", "number_of", "put_in_order", "row_of"]
