"""From Inspect's logs to results: metrics by task, scorer and metric, and what it took."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools_inspect.building import LABEL
from motools_inspect.results import SAMPLES
from motools_inspect.rows import put_in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inspect_ai.log import EvalLog, EvalScore


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
        "samples": put_in_order(directory / SAMPLES, ordered),
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


def _usage(logs: Sequence[EvalLog]) -> dict[str, dict[str, Any]]:
    total: dict[str, dict[str, Any]] = {}
    for log in logs:
        for model, usage in log.stats.model_usage.items():
            sums = total.setdefault(model, {})
            for name, value in usage.model_dump(exclude_none=True).items():
                if isinstance(value, (int, float)):
                    sums[name] = sums.get(name, 0) + value
    return total


__all__ = ["collect", "label_of", "metrics_of"]
