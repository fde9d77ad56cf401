"""Inspect, in the worker: which tasks are still to be done, doing them, and stopping when asked to.

A job that is taken up again finds its logs in its log directory: a task whose log says success is done, one with any
other log is retried from it, so that finished samples are not asked again, and the others begin.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import Epochs, eval_async
from inspect_ai._eval.task.task import PreviousTask
from inspect_ai._util.file import filesystem
from inspect_ai.log import EvalLog, EvalLogInfo, list_eval_logs, read_eval_log, read_eval_log_sample_summaries
from inspect_ai.model import ModelCost, ModelInfo, get_model, get_model_info, set_model_info
from inspect_ai.util import display_type

from motools.detached import CancelRequested, CannotGoOn
from motools.errors import RunFailed, SpecError
from motools_inspect import progress, sandboxes, sources
from motools_inspect.asked import check
from motools_inspect.building import build, solver_of
from motools_inspect.depends import SEEN
from motools_inspect.facts import files_of_code
from motools_inspect.inspect_cache import apart
from motools_inspect.logs import collect, label_of
from motools_inspect.observed import Observed
from motools_inspect.observing import Observing
from motools_inspect.reading import Reading, can_be_edited
from motools_inspect.rescoring import digests_of, keep, recorded, score_again, source_in
from motools_inspect.resolving import facts_of_built
from motools_inspect.words import complaint, in_a_sentence
from motools_inspect.worker import is_local

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence

    from inspect_ai import Task
    from inspect_ai.model import Model

    from motools.detached import Worker

FULL = os.strerror(errno.ENOSPC)
IS_FULL = "The disk is full. Free some space, then wait for it again: it goes on."
LOOK = 0.2
"""Seconds between two looks for a cancellation."""
EACH = 1
"""Samples after which a log is written: what is written is not asked again. Of a remote log Inspect decides."""
BATCH = 16
"""Requests at once of a model that runs in the worker on a CPU: measured, see `settings.Pace.max_connections`."""


def run(worker: Worker, objects: Mapping[str, Task] | None = None) -> dict[str, Any]:
    """Evaluate what the job's spec says, and return its result. Raises `RunFailed` or `CancelRequested`.

    `objects` are its tasks, by label, where they are objects of this process's.
    """
    worker.check_cancel()
    display_type()  # read from INSPECT_DISPLAY now: eval_async would choose another
    prepare_threads(worker.spec)
    worker.check_cancel()
    observing = Observing(worker)
    progress.follow(worker, observing.note)
    with _interrupted_where_full():
        return _run(worker, objects, observing)


def _run(worker: Worker, objects: Mapping[str, Task] | None, observing: Observing) -> dict[str, Any]:
    logs = asyncio.run(_until_cancelled(worker, _evaluate(worker, objects, observing)))
    labels = [label_of(log, worker.spec["tasks"]) for log in logs]
    endings = [in_a_sentence(log, label) for log, label in zip(logs, labels, strict=True)]
    endings += [
        f"The task {task['label']!r} has no log." for task in worker.spec["tasks"] if task["label"] not in labels
    ]
    if failed := " ".join(ending for ending in endings if ending):
        if FULL in failed:  # an error in a log is text
            raise CannotGoOn(f"{IS_FULL} {failed}")
        raise RunFailed(failed)
    progress.finish()
    observing.clear()
    return collect(worker.path, worker.spec, logs)


@contextmanager
def _interrupted_where_full() -> Iterator[None]:
    """Leave the job interrupted, and not failed, where there is no room for what has been paid."""
    try:
        yield
    except OSError as error:
        if not _is_full(error):
            raise
        raise CannotGoOn(f"{IS_FULL} {error}") from error


def _is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def prepare_threads(spec: Mapping[str, Any]) -> None:
    """Say how many threads a model in this process may use."""
    if not is_local(spec["model"]):
        return
    import torch

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # torch's own number is that of the physical cores; threads beyond those lose most of their time waiting.
    torch.set_num_threads(spec["threads"] or min(allowed, torch.get_num_threads()))


async def _until_cancelled(worker: Worker, work: Awaitable[list[EvalLog]]) -> list[EvalLog]:
    """Await `work`, and cancel it when somebody asks for that: Inspect then writes what is finished and says so."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK)
        if worker.cancel_requested:
            task.cancel()
            # Inspect swallows the cancellation and returns no logs, or passes it on where it came too early.
            with suppress(asyncio.CancelledError):
                await task
            raise CancelRequested
    return task.result()


async def _evaluate(worker: Worker, objects: Mapping[str, Task] | None, observing: Observing) -> list[EvalLog]:
    spec = worker.spec
    latest = latest_logs(spec)
    done = [log for log in latest.values() if log.status == "success"]
    begun = {label: log for label, log in latest.items() if log.status != "success"}
    progress.expect(done=done, begun=[*begun.values()])
    digests: dict[str, str] = {}
    built: dict[str, Task] = {}
    try:
        if len(done) < len(spec["tasks"]):
            _set_prices(spec["prices"] or {})
            built, found = _build(worker, objects)
            digests = digests_of(spec, found)
            if spec["measured"] and not spec["in_memory"]:
                observing.with_misses()
            with observing.listening() if spec["measured"] else nullcontext(), apart(spec):
                answered = {each: answers for each, answers in recorded(spec, digests).items() if each not in latest}
                for label, answers in answered.items():
                    observing.count(path for path, *_ in answers.read)
                    done.append(await score_again(spec, label, built[label], answers.log, progress.note))
                again = [_again(built[label], log) for label, log in begun.items()]
                fresh = [task for label, task in built.items() if label not in latest and label not in answered]
                # Inspect takes one kind or the other.
                done += await _begin(spec, again) if again else []
                done += await _begin(spec, fresh) if fresh else []
        if spec["measured"]:
            observing.asked.update(name for log in done for name in log.stats.model_usage)
            observing.count(_named(spec, built, observing.code))
            _keep(spec, digests, done, observing)
    except Exception as error:
        if isinstance(error, CannotGoOn) or _is_full(error):
            raise
        raise complaint(error) from error
    return done


def _build(worker: Worker, objects: Mapping[str, Task] | None) -> tuple[dict[str, Task], dict[str, dict[str, Any]]]:
    """Return the tasks, and what each is by content, having made sure that it is what was asked for."""
    spec, reading = worker.spec, Reading()
    with reading.listening():
        built = build(spec, objects)
        facts = {} if spec["in_memory"] and not spec["measured"] else _facts(built, spec, reading)
    found = {label: {"source": source_in(spec, label, task), **facts.get(label, {})} for label, task in built.items()}
    if not spec["in_memory"]:
        check(worker, found, reading.read)
    return built, found


def _facts(built: Mapping[str, Task], spec: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    try:
        return facts_of_built(built, spec, None if spec["in_memory"] else reading)
    except SpecError:  # what has no form in a key can be evaluated without a cache
        if spec["measured"]:
            raise
        return {}


def _named(spec: Mapping[str, Any], built: Mapping[str, Task], code: Iterable[str]) -> set[str]:
    """Return the files that the code of tasks, and what it goes through, names and that a run may open past Python.

    Those are left out that building the tasks has read.
    """
    files = sources.files_asked_for(spec).union(map(Path, code))
    if spec["in_memory"]:
        own = {path for task in built.values() for path in files_of_code(task) if can_be_edited(str(path))}
        files |= {each for path in own for each in sources.with_beside(path)}
    named = {str(each) for path in files for each in sources.named_in(path)}
    return named - {path for path, how, *_ in spec["depends"] if how != SEEN}


def _keep(spec: Mapping[str, Any], digests: Mapping[str, str], logs: Sequence[EvalLog], observing: Observing) -> None:
    """Write down what was read, and which answers can be scored again."""
    read, uncertain = observing.ended()
    Observed(spec["measured"], spec["folder"]).add(read, uncertain, observing.period)
    if not uncertain:
        complete = {label_of(log, spec["tasks"]): log for log in logs if in_a_sentence(log, "") is None}
        of_scorers = observing.of_scorers()
        keep(digests, complete, [each for each in read if each[0] not in of_scorers])


def _again(task: Task, log: EvalLog) -> PreviousTask:
    """Return a task that takes over the finished samples of a log."""
    return PreviousTask(
        id=log.eval.task_id,
        task=task,
        task_args=log.eval.task_args_passed,
        model=None,
        model_roles=None,
        sandbox=None,
        log=log,
        log_info=EvalLogInfo(name=log.location, type="file", size=0, mtime=None, task="", task_id="", suffix=None),
    )


async def _begin(spec: Mapping[str, Any], tasks: Sequence[Task | PreviousTask]) -> list[EvalLog]:
    model, pace, settings = spec["model"], dict(spec["pace"]), dict(spec["settings"])
    if is_local(model):
        # The provider waits two seconds for a batch to fill: no larger than what there is to be asked.
        limit = settings.get("limit", BATCH)
        asked = (limit[1] - limit[0] if isinstance(limit, list) else limit) * settings.get("epochs", 1)
        pace.setdefault("max_connections", min(BATCH, asked))
    if isinstance(settings.get("limit"), list):
        settings["limit"] = tuple(settings["limit"])
    if spec["epochs_reducer"]:
        settings["epochs"] = Epochs(settings["epochs"], spec["epochs_reducer"])
    if spec["log_dir"].startswith("/"):
        pace.setdefault("log_buffer", EACH)
    pace.setdefault("log_realtime", False)
    return await eval_async(
        [*tasks],  # type: ignore[arg-type]  # one kind or the other, which the annotation does not say of a list
        model=model["model"],
        model_base_url=model["base_url"],
        model_args=dict(model["args"]),
        model_roles={role: _model(reference) for role, reference in spec["model_roles"].items()} or None,
        solver=solver_of(spec),
        sandbox=sandboxes.asked(spec["sandbox"]),
        metadata={"motools": {"job_id": spec["job_id"], "model_id": spec["model_id"]}},
        log_dir=spec["log_dir"],
        ctl_server=False,
        log_header_only=True,
        **settings,
        **pace,
    )


def _set_prices(given: Mapping[str, Mapping[str, float]]) -> None:
    """Tell Inspect what models cost, also those that it has never heard of."""
    for model, prices in given.items():
        cost = ModelCost(**dict.fromkeys(ModelCost.model_fields, 0.0) | dict(prices))
        known = get_model_info(model) or ModelInfo()
        set_model_info(model, known.model_copy(update={"cost": cost}))


def _model(reference: Mapping[str, Any]) -> Model:
    return get_model(reference["model"], base_url=reference["base_url"], **reference["args"])


def latest_logs(spec: Mapping[str, Any]) -> dict[str, EvalLog]:
    """Return the header of one log of each task that has any, by the task's label: a success, or what is furthest.

    A worker that was killed as it took over an earlier log may have left one with less in it.
    """
    found: dict[str, tuple[int, EvalLog]] = {}
    if not filesystem(spec["log_dir"]).exists(spec["log_dir"]):
        return {}
    for info in list_eval_logs(spec["log_dir"], descending=False):
        log = read_eval_log(info, header_only=True)
        label, far = label_of(log, spec["tasks"]), _samples_in(log)
        if label not in found or far >= found[label][0]:
            found[label] = far, log
    return {label: log for label, (_, log) in found.items()}


def _samples_in(log: EvalLog) -> int:
    """Return how many samples a log has that need not be asked again; of a success, more than there can be."""
    if log.status == "success":
        return sys.maxsize
    return sum(1 for sample in read_eval_log_sample_summaries(log.location) if not sample.error)


__all__ = ["latest_logs", "prepare_threads", "run"]
