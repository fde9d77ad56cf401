"""Inspect, in the worker: which tasks are still to be done, doing them, and stopping when asked to.

A job that is taken up again finds its logs in its log directory: a task whose log says success is done, one with any
other log is retried from it, so that finished samples are not asked again, and the others begin.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import eval_async, eval_retry_async
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log
from inspect_ai.model import get_model
from inspect_ai.util import display_type

from motools.detached import CancelRequested
from motools.errors import RunFailed
from motools_inspect import progress
from motools_inspect.logs import collect, label_of
from motools_inspect.registered import check_tasks
from motools_inspect.words import complaint, in_a_sentence
from motools_inspect.worker import is_local

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from inspect_ai.model import Model

    from motools.detached import Worker

LOOK = 0.2
"""Seconds between two looks for a cancellation."""
EACH = 1
"""Samples after which a log is written: what is written is not asked again. Of a remote log Inspect decides."""
BATCH = 16
"""Requests at once of a model that runs in the worker on a CPU: measured, see `settings.Pace.max_connections`."""


def run(worker: Worker) -> dict[str, Any]:
    """Evaluate what the job's spec says, and return its result. Raises `RunFailed` or `CancelRequested`."""
    worker.check_cancel()
    display_type()  # read from INSPECT_DISPLAY now: eval_async would choose another
    prepare_threads(worker.spec)
    worker.check_cancel()
    progress.follow(worker)
    logs = asyncio.run(_until_cancelled(worker, _evaluate(worker)))
    endings = [in_a_sentence(log, label_of(log, worker.spec["tasks"])) for log in logs]
    if failed := [ending for ending in endings if ending]:
        raise RunFailed(" ".join(failed))
    progress.finish()
    return collect(worker.path, worker.spec, logs)


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


async def _evaluate(worker: Worker) -> list[EvalLog]:
    spec = worker.spec
    latest = latest_logs(spec)
    done = [log for log in latest.values() if log.status == "success"]
    begun = [log for log in latest.values() if log.status != "success"]
    fresh = [task["spec"] for task in spec["tasks"] if task["label"] not in latest]
    progress.expect(done=done, begun=begun)
    try:
        for log in begun:
            done += await eval_retry_async(log.location, log_dir=spec["log_dir"], ctl_server=False)
        if fresh:
            check_tasks(spec)
            done += await _begin(spec, fresh)
    except Exception as error:
        raise complaint(error) from error
    return done


async def _begin(spec: Mapping[str, Any], tasks: Sequence[str]) -> list[EvalLog]:
    """Evaluate tasks from their beginning."""
    model = spec["model"]
    arguments = dict(spec["arguments"])
    if is_local(model):
        # The provider waits two seconds for a batch to fill: no larger than what there is to be asked.
        asked = arguments.get("limit", BATCH) * arguments.get("epochs", 1)
        arguments.setdefault("max_connections", min(BATCH, asked))
    return await eval_async(
        [*tasks],
        model=model["model"],
        model_base_url=model["base_url"],
        model_args=dict(model["args"]),
        model_roles={role: _model(reference) for role, reference in spec["model_roles"].items()} or None,
        task_args=spec["task_args"],
        metadata={"motools": {"job_id": spec["job_id"], "model_id": spec["model_id"]}},
        log_dir=spec["log_dir"],
        ctl_server=False,
        log_header_only=True,
        log_realtime=False,
        log_buffer=EACH if spec["log_dir"].startswith("/") else None,
        **arguments,
    )


def _model(reference: Mapping[str, Any]) -> Model:
    return get_model(reference["model"], base_url=reference["base_url"], **reference["args"])


def latest_logs(spec: Mapping[str, Any]) -> dict[str, EvalLog]:
    """Return the header of the latest log of each task that has one, by the task's label."""
    found: dict[str, EvalLog] = {}
    if not Path(spec["log_dir"]).is_dir():
        return found
    for info in list_eval_logs(spec["log_dir"], descending=False):
        log = read_eval_log(info, header_only=True)
        label = label_of(log, spec["tasks"])
        if found.get(label) is None or found[label].status != "success":
            found[label] = log
    return found


__all__ = ["latest_logs", "prepare_threads", "run"]
