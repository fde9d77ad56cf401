"""Scoring recorded answers with other scorers: nobody is asked again.

What was asked is the facts of a built task without its scorers, the models, and which draw of the request it was
(`replicate`). Where a complete success with the same is recorded, and a request names scorers of its own, its logs are
scored again; a task that is an object needs none, for its scorers are known beside what it asks. Only requests that come by
way of a cache are recorded or served like this.

    MOTOOLS_HOME/resolved/inspect/answers/DIGEST      the log of one task
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import Epochs, score_async
from inspect_ai._util.file import filesystem
from inspect_ai.log import EvalLog, read_eval_log_async, write_eval_log_async

from motools.config import home
from motools.errors import RunFailed
from motools.files import replace_text
from motools_inspect import sources, tasks
from motools_inspect.building import LABEL, solver_of
from motools_inspect.facts import code_of, facts_of
from motools_inspect.words import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspect_ai import Task
    from inspect_ai.log import EvalSample

OF_SCORING = ("scorers", "reducer")
ANSWERS_OF = "motools_answers_of"
"""The field of a log's metadata that says of which log the answers are."""


def digests_of(spec: Mapping[str, Any], built: Mapping[str, Task]) -> dict[str, str]:
    """Return of each task a digest of what is asked; of none where the request came by way of no cache."""
    if spec["replicate"] is None:
        return {}
    settings, solver = spec["settings"], solver_of(spec)
    epochs = Epochs(settings["epochs"]) if settings.get("epochs") else None
    instead = sources.source_of_name(spec["solver"]["name"]) if spec["solver"] else {}
    found = {}
    for label, task in built.items():
        facts = facts_of(task, settings, solver=solver, epochs=epochs)
        asked = {name: value for name, value in facts.items() if name not in OF_SCORING}
        told = {**asked, "source": _source(spec, label, task), "instead": instead, "models": spec["measured_models"]}
        told["replicate"] = spec["replicate"]
        found[label] = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return found


def _source(spec: Mapping[str, Any], label: str, task: Task) -> Mapping[str, Any]:
    if spec["in_memory"]:
        return code_of(task, with_scorers=False)
    return next(sources.source_of(tasks.Task(**named)) for named in spec["tasks"] if named["label"] == label)


def keep(digests: Mapping[str, str], logs: Mapping[str, EvalLog]) -> None:
    """Remember the logs of complete successes: of those that asked the same, the latest."""
    for label, digest in digests.items():
        if label in logs and ANSWERS_OF not in (logs[label].eval.metadata or {}):
            place = _place(digest)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_text(place, logs[label].location)


def recorded(spec: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, str]:
    """Return the logs whose answers can be scored again, by task; never on a refresh.

    What names no scorers has those of its source, which would be another had they changed: it is asked.
    """
    if spec.get("refresh") or not (spec["scorers"] or spec["in_memory"]):
        return {}
    found = {label: _place(digest) for label, digest in digests.items()}
    logs = {label: place.read_text(encoding="utf-8") for label, place in found.items() if place.exists()}
    return {label: log for label, log in logs.items() if filesystem(log).exists(log)}


async def score_again(
    spec: Mapping[str, Any], label: str, task: Task, place: str, note: Callable[[str, EvalSample], None]
) -> EvalLog:
    """Score a recorded log with the scorers of a task, and return the header of the log that comes of it."""
    log = await read_eval_log_async(place)
    before = {name: usage.model_copy() for name, usage in log.stats.model_usage.items()}
    try:
        scored = await score_async(
            log, task.scorer or [], epochs_reducer=spec["epochs_reducer"], action="overwrite", display="none"
        )
    except Exception as error:
        raise RunFailed(
            f"The recorded answers of {label!r} cannot be scored again: {reason_of(error)}. Their log is {place}; for new "
            "answers ask for another replicate."
        ) from error
    scored.eval.metadata = {**(scored.eval.metadata or {}), LABEL: label, ANSWERS_OF: place}
    scored.stats.model_usage = {
        name: used for name, used in scored.stats.model_usage.items() if before.get(name) != used
    }
    for sample in scored.samples or []:
        note(label, sample)
    scored.location = os.path.join(spec["log_dir"], Path(place).name)  # noqa: PTH118 (it may be a URL)
    filesystem(spec["log_dir"]).mkdir(spec["log_dir"], exist_ok=True)
    await write_eval_log_async(scored, scored.location)
    scored.samples = None
    return scored


def _place(digest: str) -> Path:
    return home() / "resolved" / "inspect" / "answers" / digest


__all__ = ["digests_of", "keep", "recorded", "score_again"]
