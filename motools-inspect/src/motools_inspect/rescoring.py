"""Scoring recorded answers with other scorers: nobody is asked again.

What was asked is the facts of a built task without its scorers, the models, and which draw of the request it was
(`replicate`). Where a complete success with the same is recorded, and a request names scorers of its own, its logs are
scored again; a task that is an object needs none, for its scorers are known beside what it asks. Only requests that come by
way of a cache are recorded or served like this.

    MOTOOLS_HOME/resolved/inspect/answers/DIGEST      {"log": …, "read": …}: of one task, and what the run read meanwhile
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import Epochs, score_async
from inspect_ai._eval.task.task import resolve_task_epochs
from inspect_ai._util.file import filesystem
from inspect_ai.log import EvalLog, read_eval_log_async, write_eval_log_async

from motools.config import home
from motools.errors import RunFailed
from motools.files import replace_text
from motools_inspect import sources, tasks
from motools_inspect.building import LABEL
from motools_inspect.depends import changed
from motools_inspect.facts import code_of
from motools_inspect.in_use import OF_SCORING
from motools_inspect.words import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspect_ai import Task
    from inspect_ai.log import EvalSample

    from motools_inspect.depends import Depends

ANSWERS_OF = "motools_answers_of"
"""The field of a log's metadata that says of which log the answers are."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers that are recorded."""

    log: str
    read: Depends
    """What the run that they are of has read."""


def digests_of(spec: Mapping[str, Any], measured: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return of each task a digest of what is asked; of none where the request came by way of no cache."""
    if spec["replicate"] is None:
        return {}
    instead = sources.source_of_name(spec["solver"]["name"]) if spec["solver"] else {}
    found = {}
    for label, facts in measured.items():
        asked = {name: value for name, value in facts.items() if name not in OF_SCORING}
        told = {**asked, "instead": instead, "models": spec["measured_models"], "replicate": spec["replicate"]}
        found[label] = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return found


def source_in(spec: Mapping[str, Any], label: str, task: Task) -> Mapping[str, Any]:
    """Return the source of a task; of an object without that of its scorers."""
    if spec["in_memory"]:
        return code_of(task, with_scorers=False)
    return next(sources.source_of(tasks.Task(**named)) for named in spec["tasks"] if named["label"] == label)


def keep(digests: Mapping[str, str], logs: Mapping[str, EvalLog], read: Depends) -> None:
    """Remember the logs of complete successes, which are of a run that has read these files: of those that asked the same, the latest."""
    for label, digest in digests.items():
        if label in logs and ANSWERS_OF not in (logs[label].eval.metadata or {}):
            place = _place(digest)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_text(place, json.dumps({"log": logs[label].location, "read": read}))


def recorded(spec: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Answers]:
    """Return the answers that can be scored again, by task; never on a refresh.

    What names no scorers has those of its source, which would be another had they changed: it is asked. So is what read
    files that are others now.
    """
    if spec.get("refresh") or not (spec["scorers"] or spec["in_memory"]):
        return {}
    places = {label: _place(digest) for label, digest in digests.items()}
    found = {label: _answers(place) for label, place in places.items() if place.exists()}
    return {
        label: answers
        for label, answers in found.items()
        if filesystem(answers.log).exists(answers.log) and not changed(answers.read)
    }


def _answers(place: Path) -> Answers:
    fields = json.loads(place.read_bytes())
    return Answers(log=fields["log"], read=[tuple(each) for each in fields["read"]])


async def score_again(
    spec: Mapping[str, Any], label: str, task: Task, place: str, note: Callable[[str, EvalSample], None]
) -> EvalLog:
    """Score a recorded log with the scorers of a task, and return the header of the log that comes of it."""
    log = await read_eval_log_async(place)
    settings = spec["settings"]
    epochs = Epochs(settings["epochs"], spec["epochs_reducer"]) if settings.get("epochs") else None
    reducer = resolve_task_epochs(task, epochs).reducer or "mean"
    before = {name: usage.model_copy() for name, usage in log.stats.model_usage.items()}
    try:
        scored = await score_async(log, task.scorer or [], epochs_reducer=reducer, action="overwrite", display="none")
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


__all__ = ["Answers", "digests_of", "keep", "recorded", "score_again"]
