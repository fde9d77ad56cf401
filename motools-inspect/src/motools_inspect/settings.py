"""What an evaluation can be told, and which of it changes what is measured."""

from __future__ import annotations

import os  # noqa: TC003 (the annotations are read at run time)
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from motools import Range, Settings
from motools.errors import SettingError
from motools.settings import check

if TYPE_CHECKING:
    from collections.abc import Mapping

WHO = "The inspect backend"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Keywords of `InspectEvalBackend`; none of them changes what is measured."""

    log_dir: Annotated[
        str | os.PathLike[str] | None, "where Inspect's logs go, in a folder for each job; by default beside the job"
    ] = None
    threads: Annotated[
        int | None, Range(ge=1), "CPU threads of a model that runs in the worker; by default all it may use"
    ] = None
    workers: Annotated[int, Range(ge=1), "evaluations that run at once; the others wait in order"] = 32
    keep_warm: Annotated[
        int, Range(ge=0), "seconds after the last evaluation for which the next starts at once; 0 to start each anew"
    ] = 300


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Generation settings, by Inspect's names; None leaves each to the task and the model's provider."""

    temperature: Annotated[float | None, Range(ge=0), "0 is greedy"] = None
    top_p: Annotated[float | None, Range(gt=0, le=1)] = None
    top_k: Annotated[int | None, Range(ge=1)] = None
    max_tokens: Annotated[int | None, Range(ge=1), "tokens of an answer, at most"] = None
    seed: Annotated[int | None, "of the sampling, where the provider has one"] = None
    stop_seqs: Annotated[list[str] | None, "texts that end an answer"] = None
    frequency_penalty: Annotated[float | None, Range(ge=-2, le=2)] = None
    presence_penalty: Annotated[float | None, Range(ge=-2, le=2)] = None
    system_message: Annotated[str | None, "in place of the provider's default"] = None
    reasoning_effort: Annotated[str | None, "in the provider's words"] = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which samples are asked, how often, and within which limits."""

    limit: Annotated[int | None, Range(ge=1), "samples of each task, from the first"] = None
    sample_id: Annotated[str | int | list[str | int] | None, "only these samples"] = None
    sample_shuffle: Annotated[int | None, "seed of a random order, taken before `limit`"] = None
    epochs: Annotated[int | None, Range(ge=1), "times that each sample is asked; by default as the task says"] = None
    message_limit: Annotated[int | None, Range(ge=1), "messages of a sample"] = None
    token_limit: Annotated[int | None, Range(ge=1), "tokens of a sample"] = None
    time_limit: Annotated[int | None, Range(ge=1), "seconds of a sample"] = None
    working_limit: Annotated[int | None, Range(ge=1), "seconds of a sample, without waiting"] = None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast and how patiently it is done: not part of the cache key."""

    max_connections: Annotated[int | None, Range(ge=1), "requests at once; the batch size of a model run here"] = None
    max_samples: Annotated[int | None, Range(ge=1), "samples of a task at once"] = None
    max_tasks: Annotated[int | None, Range(ge=1), "tasks at once"] = None
    max_retries: Annotated[int | None, Range(ge=0), "of a request"] = None
    timeout: Annotated[int | None, Range(ge=1), "seconds of a request, with its retries"] = None
    attempt_timeout: Annotated[int | None, Range(ge=1), "seconds of one attempt"] = None
    retry_on_error: Annotated[int | None, Range(ge=0), "times that a failed sample is tried again"] = None


@dataclass(frozen=True, kw_only=True)
class Parameters(Sampling, Selection, Pace):
    """The keywords of `evaluate`."""

    task_args: Annotated[dict[str, Any] | None, "arguments of the tasks"] = None
    model_args: Annotated[dict[str, Any] | None, "arguments of the model's provider"] = None
    model_base_url: Annotated[str | None, "the server to ask; no keys in it"] = None
    model_roles: Annotated[dict[str, Any] | None, 'other models of a task: {"grader": "openai/gpt-4.1-mini"}'] = None


class InspectSettings(Settings):
    """Everything that the backend can be told."""

    Options = Options
    Hyperparameters = Parameters


def parameters_of(given: Mapping[str, Any]) -> Parameters:
    """Check the keywords of an evaluation. Raises `SettingError` for the first that is wrong."""
    parameters = check(Parameters, given, who=WHO, what="keyword")
    for name in parameters.model_args or {}:
        if "api_key" in name.lower() or name.lower() in {"token", "password", "secret"}:
            raise SettingError(
                f"{WHO} does not take {name!r} in model_args: it would be stored. Set the provider's variable instead, "
                "such as OPENAI_API_KEY."
            )
    return parameters


def given(parameters: Parameters, *groups: type[Any]) -> dict[str, Any]:
    """Return those settings of some groups that were given."""
    names = [field.name for group in groups for field in fields(group)]
    return {name: value for name in names if (value := getattr(parameters, name)) is not None}


__all__ = [
    "WHO",
    "InspectSettings",
    "Options",
    "Pace",
    "Parameters",
    "Sampling",
    "Selection",
    "given",
    "parameters_of",
]
