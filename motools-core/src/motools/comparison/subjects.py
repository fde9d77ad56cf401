"""What can be compared: results, jobs, and the names and files under which they are found again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from motools.errors import UsageError
from motools.evals.base import EvalJob, EvalResults

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from motools.cache.base import Ledger, Record

Comparable: TypeAlias = "EvalResults | EvalJob | str | os.PathLike[str]"
SHORT = 12
"""Digits of a key that people see and type."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The results of one evaluation, and what its model is called."""

    name: str
    results: EvalResults
    identity: Hashable
    """Equal to that of another where both are the same evaluation."""
    key: str = ""
    """The beginning of its key, where it is recorded."""


async def subjects(
    evaluations: Sequence[Comparable] | Mapping[str, Comparable], baseline: Comparable | None
) -> list[Subject]:
    """Return two subjects or more, the baseline first, each with a name of its own.

    Raises `UsageError` for what is no evaluation or has no results yet, and where there are fewer than two.
    """
    if isinstance(evaluations, Mapping):
        names = list(evaluations)
        found = [await _subject(each, name) for name, each in evaluations.items()]
    else:
        names = []
        found = [await _subject(each, None) for each in evaluations]
    if baseline is not None:
        first = found[names.index(baseline)] if baseline in names else await _subject(baseline, None)
        found = _led_by(first, found)
    _check_apart(found)
    return _told_apart(found)


def _led_by(baseline: Subject, found: list[Subject]) -> list[Subject]:
    same = [each for each in found if each.identity == baseline.identity]
    return [*(same or [baseline]), *(each for each in found if each.identity != baseline.identity)]


def _check_apart(found: Sequence[Subject]) -> None:
    seen: dict[Hashable, Subject] = {}
    for each in found:
        if each.identity in seen:
            raise UsageError(f"{each.name!r} is given twice: compare an evaluation with another one.")
        seen[each.identity] = each
    if len(found) < 2:  # noqa: PLR2004  (the baseline and one more)
        raise UsageError(
            "A comparison needs two evaluations at least: a baseline, and another one on the same samples."
        )


def _told_apart(found: Sequence[Subject]) -> list[Subject]:
    """Give subjects that are called the same their keys, or numbers, to be told apart by."""
    names = [each.name for each in found]
    return [
        replace(each, name=f"{each.name} ({each.key or number})") if names.count(each.name) > 1 else each
        for number, each in enumerate(found, start=1)
    ]


async def _subject(item: object, name: str | None) -> Subject:
    if isinstance(item, EvalResults):
        return Subject(name=name or item.model_id, results=item, identity=id(item))
    if isinstance(item, EvalJob):
        return await _of_job(item, name)
    if isinstance(item, os.PathLike) or (isinstance(item, str) and await asyncio.to_thread(_is_file, item)):
        return await _saved(Path(item), name)
    if isinstance(item, str):
        return await _recorded(item, name)
    what = "a training run" if _is_run(item) else f"of type {type(item).__name__}"
    raise UsageError(
        f"{item!r} is {what}: compare takes evaluations, as results, jobs, keys of the record or saved files."
    )


def _is_file(called: str) -> bool:
    return called.endswith(".json") and Path(called).is_file()


def _is_run(item: object) -> bool:
    from motools.training.base import TrainingRun

    return isinstance(item, TrainingRun)


async def _of_job(job: EvalJob, name: str | None, called: str | None = None) -> Subject:
    record: Record | None = getattr(job, "record", None)
    key = record.key.partition(":")[2][:SHORT] if record else ""
    if not await job.is_complete():
        come_back = f"motools runs wait {key}" if key else "wait()"
        raise UsageError(
            f"The evaluation {called or repr(job.job_id)} is {job.status}: it has no results yet. Wait for it with: {come_back}"
        )
    results = await job.get_results()
    label = record.label if record else None
    return Subject(
        name=name or label or results.model_id,
        results=results,
        identity=record.key if record else (type(job), job.job_id),
        key=key,
    )


async def _saved(path: Path, name: str | None) -> Subject:
    """Return what is in a file: results that `save` wrote, or the handle of a job."""
    from motools.files import read_json
    from motools.handles import load_job

    kind = (await read_json(path, required=("kind",)))["kind"]
    if kind == "results":
        results = await EvalResults.load(path)
        place = await asyncio.to_thread(path.resolve)
        return Subject(name=name or results.model_id, results=results, identity=place)
    if kind == "eval":
        return await _of_job(await load_job(path), name, called=f"'{path}'")
    raise UsageError(f"{path}: {_no_evaluation(str(kind))}")


def _no_evaluation(kind: str) -> str:
    if kind == "training":
        return "is a training run: compare takes evaluations. Evaluate its model first, with `motools eval`."
    return f"is neither results nor a job, but of kind {kind!r}."


async def _recorded(called: str, name: str | None) -> Subject:
    """Return the evaluation that is recorded under a key or its beginning, a job id or a label."""
    from motools.handles import job_of

    ledger = _ledger()
    found = await ledger.find(called)
    jobs = [record for record in found if record.kind == "eval"]
    if len(jobs) == 1:
        return await _of_job(job_of(jobs[0], ledger), name, called=repr(called))
    if jobs:
        keys = ", ".join(record.key.partition(":")[2][:SHORT] for record in jobs)
        raise UsageError(f"{called!r} may mean any of several evaluations; give the key of one: {keys}.")
    if found:
        raise UsageError(f"{called!r} {_no_evaluation(found[0].kind)}")
    raise UsageError(
        f"No evaluation is recorded under {called!r}, nor is there such a file. `motools runs` lists them."
    )


def _ledger() -> Ledger:
    from motools.cache.base import Ledger
    from motools.plugins.registry import open_store

    store: object = open_store()
    if not isinstance(store, Ledger):
        raise UsageError(
            "The configured cache keeps no record in which an evaluation could be looked up by name; give its results, "
            "or a file that --save or --results wrote. `motools config` shows where it is set."
        )
    return store


__all__ = ["Comparable", "Subject", "subjects"]
