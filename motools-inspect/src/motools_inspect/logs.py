"""From Inspect's logs to results: metrics by task, scorer and metric, and one line for each sample."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai.log import read_eval_log_samples

from motools_inspect.building import LABEL
from motools_inspect.results import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inspect_ai.log import EvalLog, EvalSample, EvalScore

LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's letters for correct, partial, incorrect and no answer, as its own metrics count them."""


def label_of(log: EvalLog, tasks: Sequence[Mapping[str, Any]]) -> str:
    """Return the label of the task that a log is of."""
    if label := (log.eval.metadata or {}).get(LABEL):
        return str(label)
    names = {log.eval.task, log.eval.task_registry_name}
    of_name = [task for task in tasks if task["name"] in names]
    if log.eval.task_file and len(of_name) > 1:
        file = Path(log.eval.task_file).resolve()
        of_name = [task for task in of_name if task["file"] and Path(task["file"]).resolve() == file]
    return str(of_name[0]["label"]) if of_name else log.eval.task


def collect(directory: Path, spec: Mapping[str, Any], logs: Sequence[EvalLog]) -> dict[str, Any]:
    """Return the result of a job whose logs are all successes, and write its samples."""
    labels = [task["label"] for task in spec["tasks"]]
    by_label = {label_of(log, spec["tasks"]): log for log in logs}
    ordered = {label: by_label[label] for label in labels if label in by_label} | by_label
    return {
        "metrics": {label: metrics_of(log) for label, log in ordered.items()},
        "samples": write_samples(directory / SAMPLES, ordered),
        "metadata": {
            "job_id": spec["job_id"],
            "logs": [_plain_path(log.location) for log in ordered.values()],
            "usage": _usage(logs),
            "tasks": {label: _facts(log) for label, log in ordered.items()},
            "packages": {name: version for log in logs for name, version in log.eval.packages.items()},
        },
    }


def _facts(log: EvalLog) -> dict[str, Any]:
    samples = log.results.total_samples if log.results else 0
    return {"samples": samples, "epochs": log.eval.config.epochs or 1, "version": log.eval.task_version}


def _plain_path(location: str) -> str:
    return location.removeprefix("file://")


def metrics_of(log: EvalLog) -> dict[str, dict[str, float | None]]:
    """Return a log's metrics by scorer. A name that several scores share is told apart by scorer, then by reducer."""
    scores = log.results.scores if log.results else []
    return {
        name: {metric: _finite(value.value) for metric, value in score.metrics.items()}
        for name, score in zip(_names(scores), scores, strict=True)
    }


def _names(scores: Sequence[EvalScore]) -> Iterator[str]:
    forms = [
        (score.name, f"{score.scorer}/{score.name}", f"{score.scorer}/{score.name}/{score.reducer}") for score in scores
    ]
    columns = list(zip(*forms, strict=True))
    for number, form in enumerate(forms):
        unique = (name for name, column in zip(form, columns, strict=True) if column.count(name) == 1)
        yield next(unique, f"{form[-1]}#{number + 1}")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def number_of(value: Any) -> Any:
    """Return a score's value, as a number where it is one of Inspect's letters."""
    if isinstance(value, str):
        return LETTERS.get(value, value)
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, dict):
        return {name: number_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [number_of(item) for item in value]
    return value


def write_samples(path: Path, logs: Mapping[str, EvalLog]) -> int:
    """Write the samples of every log, one JSON object a line, and return how many there are."""
    draft = path.with_suffix(".draft")
    count = 0
    with draft.open("w", encoding="utf-8") as file:
        draft.chmod(0o600)
        for label, log in logs.items():
            for sample in read_eval_log_samples(log.location, all_samples_required=False):
                file.write(json.dumps(row_of(label, sample), ensure_ascii=False, allow_nan=False) + "\n")
                count += 1
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return count


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
    }


def _message(message: Any) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def _usage(logs: Sequence[EvalLog]) -> dict[str, dict[str, Any]]:
    total: dict[str, dict[str, Any]] = {}
    for log in logs:
        for model, usage in log.stats.model_usage.items():
            sums = total.setdefault(model, {})
            for name, value in usage.model_dump(exclude_none=True).items():
                if isinstance(value, (int, float)):
                    sums[name] = sums.get(name, 0) + value
    return total


__all__ = ["collect", "label_of", "metrics_of", "number_of", "row_of", "write_samples"]
