"""From a request to what its tasks are, by content, without loading Inspect here.

remembered? ── yes ──> facts                      nothing is imported, nothing is built
    no ──> names checked here ──> a fork of the server builds the tasks ──> facts, remembered with the files they depend on
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from motools.errors import DatasetError, MotoolsError, RunFailed, SettingError, SpecError, TaskNotFound
from motools_inspect import packages, tasks
from motools_inspect.environment import fingerprint, variables
from motools_inspect.launching import ask, can_fork
from motools_inspect.memory import labels_of, objects_in
from motools_inspect.models import all_servers
from motools_inspect.remembered import recall, remember
from motools_inspect.settings import scorers_of, settings_of
from motools_inspect.sources import inputs_of, inputs_of_name, names_instead, source_of, sources_instead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools_inspect.depends import Depends
    from motools_inspect.settings import Options, Parameters


ERRORS: tuple[type[MotoolsError], ...] = (RunFailed, SettingError, SpecError, TaskNotFound)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be built, as JSON: all that the tasks depend on, and nothing of the model."""

    eval_suite: Any
    parameters: Parameters

    def _has_modules(self) -> bool:
        return objects_in(self.eval_suite) is None and any(
            tasks.MODULE_FORM.fullmatch(str(each)) for each in _plain(self.eval_suite)
        )

    @cached_property
    def objects(self) -> dict[str, Any] | None:
        """The tasks by label where they are objects of this process's, made once where functions make them; None where they are named."""
        given = objects_in(self.eval_suite)
        if given is None:
            return None
        arguments = self.parameters.task_args or {}
        made = [each(**arguments) if callable(each) else each for each in given]
        if arguments and not all(callable(each) for each in given):
            raise SettingError("task_args have no effect on a Task that is made already; make it with them.")
        return dict(zip(labels_of(made), made, strict=True))

    @property
    def folder(self) -> str:
        """Where names of files lead from that stay the same when a project is moved: the folder of its first task, or the working directory."""
        given = self.eval_suite if isinstance(self.eval_suite, (list, tuple)) else [self.eval_suite]
        files = [path for each in given if isinstance(each, (str, os.PathLike)) and (path := tasks.file_in(each))]
        return str(files[0].parent) if files else os.getcwd()  # noqa: PTH109 (it is a string)

    def tasks(self) -> list[tasks.Task]:
        """Return the tasks that are named. Raises `TaskNotFound` or `SettingError` for what can be seen from here."""
        if (objects := self.objects) is not None:
            return [tasks.Task(label=label, spec=label, name=task.name) for label, task in objects.items()]
        named = tasks.resolve(self.eval_suite)
        tasks.refuse_unknown_arguments(
            [task.label for task in named], [task.parameters for task in named], self.parameters.task_args or {}
        )
        return named

    def fields(self) -> dict[str, Any]:
        """Return what whoever builds the tasks has to know, beside the tasks."""
        parameters = self.parameters
        return {
            "task_args": parameters.task_args or {},
            "settings": settings_of(parameters),
            "epochs_reducer": parameters.epochs_reducer,
            "scorers": scorers_of(parameters),
            "solver": {"name": parameters.solver, "args": parameters.solver_args or {}} if parameters.solver else None,
            "sandbox": parameters.sandbox,
            "cwd": str(Path.cwd()),
            "path": [path for path in sys.path if path] if self._has_modules() else [],
        }


def facts_of_tasks(request: Request, options: Options) -> tuple[dict[str, Any], Depends]:
    """Return the version of Inspect with the facts of each task by label, and the files that these depend on, where they are known.

    Raises what is wrong with the request, such as `TaskNotFound`.
    """
    fields = request.fields()
    if (objects := request.objects) is not None:
        return facts_of_objects(objects, fields), []
    question = fields | {
        "suite": _plain(request.eval_suite),
        "python": sys.prefix,
        "searched": sys.path,
        "servers": all_servers(),
        "environment": fingerprint(variables()),
    }
    if (found := recall(question)) is not None:
        return found
    began = time.time_ns()
    named = request.tasks()
    answer = _answer({**fields, "tasks": [task.as_dict() for task in named]}, options)
    if "error" in answer:
        raise _error(answer["error"], answer["message"])
    facts = {
        "instead": sources_instead(fields),
        "inspect_ai": ".".join(packages.inspect_version().split(".")[:2]),
        "tasks": {task.label: {"source": source_of(task), **answer["tasks"][task.label]} for task in named},
    }
    read = [path for task in named for path in inputs_of(task)] + [
        path for name in names_instead(fields) for path in inputs_of_name(name)
    ]
    depends = {**answer, "read": [*answer["read"], *read, *packages.files_of_inspect()]}
    return facts, remember(question, facts, depends, since=began)


def facts_of_objects(objects: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of tasks that are objects of this process's, which loads what of Inspect it has not yet."""
    from motools_inspect.building import of_objects
    from motools_inspect.facts import code_of
    from motools_inspect.resolving import facts_of_built

    built = of_objects(objects, fields)
    facts = facts_of_built(built, fields)
    return {
        "instead": sources_instead(fields),
        "inspect_ai": ".".join(packages.inspect_version().split(".")[:2]),
        "tasks": {label: {"source": code_of(task), **facts[label]} for label, task in built.items()},
    }


def _error(name: str, message: str) -> MotoolsError:
    """Return the error that whoever built the tasks has met."""
    if name == DatasetError.__name__:
        return DatasetError(message.splitlines())
    return next((each for each in ERRORS if each.__name__ == name), RunFailed)(message)


def _plain(eval_suite: Any) -> Any:
    return [os.fspath(each) for each in ([eval_suite] if isinstance(eval_suite, (str, os.PathLike)) else eval_suite)]


def _answer(request: Mapping[str, Any], options: Options) -> dict[str, Any]:
    answering = _from_server if options.keep_warm and can_fork() else _from_process
    with TemporaryFile() as log:
        text = answering(request, options, log.fileno())
        try:
            answer: dict[str, Any] = json.loads(text)
        except ValueError as error:
            log.seek(0)
            said = log.read().decode(errors="replace").strip().rpartition("\n")[2] or "nothing"
            labels = ", ".join(task["label"] for task in request["tasks"])
            raise RunFailed(
                f"The process that was to build {labels} ended without an answer. Its last words: {said}"
            ) from error
    return answer


def _from_server(request: Mapping[str, Any], options: Options, log: int) -> bytes:
    wanted = {
        "ask": request,
        "environment": dict(os.environ),
        "directory": request["cwd"],
        "keep_warm": options.keep_warm,
        "workers": options.workers,
    }
    return _heard(wanted, log) or _heard(wanted, log)


def _heard(wanted: Mapping[str, Any], log: int) -> bytes:
    """Return what a server answers; nothing at all where it has ended before it came to the question."""
    with ask(wanted, [log], log=log) as connection, connection.makefile("rb") as stream:
        try:
            return stream.read()
        except ConnectionResetError:
            return b""


def _from_process(request: Mapping[str, Any], options: Options, log: int) -> bytes:
    del options
    command = [sys.executable, "-P", "-m", "motools_inspect.resolving"]
    return subprocess.run(
        command, input=json.dumps(request).encode(), stdout=subprocess.PIPE, stderr=log, check=False
    ).stdout


__all__ = ["Request", "facts_of_tasks"]
