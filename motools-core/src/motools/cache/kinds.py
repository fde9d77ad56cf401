"""What differs between training and evaluation, for everything that treats them alike."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.errors import ConfigError, HandleError, RunFailed
from motools.evals.base import EvalJob, EvalResults
from motools.files import fleeting, write_json
from motools.status import RunStatus
from motools.training.base import TrainingRun
from motools.words import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from motools.cache.base import Record


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One of the two kinds of work."""

    name: str
    noun: str
    verb: str
    base: type[Any]
    check: Callable[[Any, Record], None]
    """Raises `RunFailed` where what a handle's `wait` returned is no outcome."""
    outcome: Callable[[Any, Any], Awaitable[dict[str, Any]]]
    """Turns a handle and what its `wait` returned into what is recorded."""

    def describe(self, record: Record) -> str:
        """Return what a message calls a record's run or job."""
        name = f" {record.job_id!r}" if record.job_id else ""
        return f"{self.noun}{name} of backend {record.backend!r}"


def _check_model(value: Any, record: Record) -> None:
    if not isinstance(value, str) or not value:
        raise RunFailed(
            f"The {TRAINING.describe(record)} ended without a model: its wait() returned {shown(value)}, not the id of one. "
            "That is a fault of the plugin."
        )


def _check_results(value: Any, record: Record) -> None:
    if not isinstance(value, EvalResults):
        raise RunFailed(
            f"The {EVAL.describe(record)} ended without results: its wait() returned {shown(value)}, not motools.EvalResults. "
            "That is a fault of the plugin."
        )
    metrics: Any = value.metrics
    if not isinstance(metrics, Mapping) or not all(isinstance(each, Mapping) for each in metrics.values()):
        raise RunFailed(
            f"The {EVAL.describe(record)} ended without metrics by task and scorer, but with {shown(metrics)}. "
            "That is a fault of the plugin."
        )


async def _trained(handle: Any, value: Any) -> dict[str, Any]:
    del handle
    return {"model_id": value}


async def _measured(handle: Any, value: Any) -> dict[str, Any]:
    results = {"results": await pack(value), "results_class": class_path(type(value))}
    return results | {"details": {"log_paths": [str(path) for path in handle.get_log_paths()]}}


TRAINING = Kind(name="training", noun="run", verb="train", base=TrainingRun, check=_check_model, outcome=_trained)
EVAL = Kind(name="eval", noun="job", verb="evaluate", base=EvalJob, check=_check_results, outcome=_measured)


def kind_of(record: Record) -> Kind:
    """Return the kind of a record's work."""
    return TRAINING if record.kind == TRAINING.name else EVAL


def class_path(found: type) -> str:
    """Return the path by which a class is imported again: "package.module:Class"."""
    return f"{found.__module__}:{found.__qualname__}"


def id_of(handle: Any) -> str:
    """Return what a plugin's run or job says that the service calls it; what is no text is shown as it is."""
    job_id = getattr(handle, "job_id", None)
    return job_id if isinstance(job_id, str) else "" if job_id is None else shown(job_id)


def status_of(handle: Any) -> RunStatus:
    """Return where a plugin's run or job says it stands. A word that we do not know is not terminal."""
    status = handle.status
    try:
        return RunStatus(status) if isinstance(status, str) else RunStatus.RUNNING
    except ValueError:
        return RunStatus.RUNNING


def _directory() -> tempfile.TemporaryDirectory[str]:
    """Return a directory for a moment, where motools keeps its work: a full /tmp keeps nobody from following a run."""
    from motools.config import home

    try:
        return tempfile.TemporaryDirectory(prefix=".saved-", dir=home())
    except (ConfigError, OSError):
        return tempfile.TemporaryDirectory(prefix="motools-")


async def pack(saved: Any) -> dict[str, Any]:
    """Return the JSON object that the `save` of a run, job or results writes."""
    with fleeting(), _directory() as directory:
        path = Path(directory) / "saved.json"
        await saved.save(path)
        text = await asyncio.to_thread(path.read_text, encoding="utf-8")
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise HandleError(f"{type(saved).__name__}.save() wrote a JSON {type(fields).__name__}, not an object.")
    return fields


async def unpack(found: type[Any], fields: Mapping[str, Any]) -> Any:
    """Return the run, job or results that a class's `load` makes of what `pack` returned."""
    made = await _loaded(found, fields)
    if not any(isinstance(made, base) for base in (TrainingRun, EvalJob, EvalResults) if issubclass(found, base)):
        raise HandleError(f"{class_path(found)}.load() returned {shown(made)}: that is a fault of the plugin.")
    return made


async def _loaded(found: type[Any], fields: Mapping[str, Any]) -> Any:
    with fleeting(), _directory() as directory:
        path = Path(directory) / "saved.json"
        await write_json(path, fields)
        return await found.load(path)


__all__ = ["EVAL", "TRAINING", "Kind", "class_path", "id_of", "kind_of", "pack", "status_of", "unpack"]
