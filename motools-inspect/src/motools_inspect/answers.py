"""The Inspect task `motools_inspect/answers`: whether the model answers exactly what it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

from motools.errors import DatasetError


@task
def answers(dataset: str, system: str | None = None, max_tokens: int = 64) -> Task:
    """Ask every input of a JSONL file and compare the answer with its target.

    Each line is {"input": "…", "target": "…"}, and may have an "id". `system` is a system message before each. An
    answer is right when it is the target, white space around both aside. Decoding is greedy, of `max_tokens` at most.
    """
    path = Path(dataset).expanduser()
    return Task(
        dataset=MemoryDataset(read(path, system), name=path.stem, location=str(path)),
        solver=generate(),
        scorer=exact(),
        config=GenerateConfig(temperature=0.0, max_tokens=max_tokens),
    )


@scorer(metrics=[accuracy(), stderr()])
def exact() -> Scorer:
    """Correct when the answer is the target, white space around both aside."""

    async def score(state: TaskState, target: Target) -> Score:
        answer = state.output.completion.strip()
        return Score(value=CORRECT if answer == target.text.strip() else INCORRECT, answer=answer)

    return score


def read(path: Path, system: str | None = None) -> list[Sample]:
    """Return the samples of a file. Raises `DatasetError` with every line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DatasetError([f"{path}: is not UTF-8 text."]) from error
    except OSError as error:
        raise DatasetError([f"{path}: cannot be read: {error.strerror or error}."]) from error
    rows = [(number, _fields(line)) for number, line in enumerate(lines, 1) if line.strip()]
    findings = [f"{path}:{number}: {fields}" for number, fields in rows if isinstance(fields, str)]
    if findings or not rows:
        raise DatasetError(findings or [f"{path}: has no samples."])
    return [_sample(number, fields, system) for number, fields in rows if isinstance(fields, dict)]


def _fields(line: str) -> dict[str, Any] | str:
    """Return a line's object, or what is wrong with it."""
    try:
        fields = json.loads(line)
    except ValueError as error:
        return f"is not JSON: {error}."
    if not isinstance(fields, dict):
        return f"holds a JSON {type(fields).__name__}, not an object."
    for name in ("input", "target"):
        if not isinstance(fields.get(name), str):
            return f"needs the field {name!r}, a string."
    return fields


def _sample(number: int, fields: dict[str, Any], system: str | None) -> Sample:
    messages: list[ChatMessage] = [ChatMessageSystem(content=system)] if system else []
    asked = [*messages, ChatMessageUser(content=fields["input"])] if messages else fields["input"]
    return Sample(id=fields.get("id", number), input=asked, target=fields["target"])


__all__ = ["answers", "exact", "read"]
