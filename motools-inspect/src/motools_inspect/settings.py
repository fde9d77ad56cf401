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
        str | os.PathLike[str] | None,
        "where Inspect's logs go, a path or a URL of fsspec, in a folder for each job; by default INSPECT_LOG_DIR, else beside the job",
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
    reasoning_tokens: Annotated[int | None, Range(ge=0), "tokens of reasoning, at most"] = None
    logprobs: Annotated[bool | None, "have the probabilities of an answer's tokens logged"] = None
    top_logprobs: Annotated[int | None, Range(ge=0), "alternatives of each token, logged with theirs"] = None
    num_choices: Annotated[int | None, Range(ge=1), "answers to one request"] = None
    extra_body: Annotated[dict[str, Any] | None, "further fields of the request to the provider"] = None
    generate_config: Annotated[dict[str, Any] | None, "any other field of Inspect's GenerateConfig"] = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which samples are asked, how often, and within which limits."""

    limit: Annotated[int | list[int] | None, Range(ge=1), "samples of each task, from the first; or [start, stop]"] = (
        None
    )
    sample_id: Annotated[str | int | list[str | int] | None, "only these samples"] = None
    sample_shuffle: Annotated[int | None, "seed of a random order, taken before `limit`"] = None
    epochs: Annotated[int | None, Range(ge=1), "times that each sample is asked; by default as the task says"] = None
    message_limit: Annotated[int | None, Range(ge=1), "messages of a sample"] = None
    token_limit: Annotated[int | None, Range(ge=1), "tokens of a sample"] = None
    time_limit: Annotated[int | None, Range(ge=1), "seconds of a sample"] = None
    working_limit: Annotated[int | None, Range(ge=1), "seconds of a sample, without waiting"] = None
    turn_limit: Annotated[int | None, Range(ge=1), "answers of the model within a sample"] = None
    cost_limit: Annotated[float | None, Range(gt=0), "dollars of a sample, where the model's price is known"] = None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast and how patiently it is done: not part of the cache key."""

    max_connections: Annotated[int | None, Range(ge=1), "requests at once; the batch size of a model run here"] = None
    max_samples: Annotated[int | None, Range(ge=1), "samples of a task at once"] = None
    max_tasks: Annotated[int | None, Range(ge=1), "tasks at once"] = None
    max_retries: Annotated[int | None, Range(ge=0), "of a request"] = None
    timeout: Annotated[int | None, Range(ge=1), "seconds of a request, with its retries"] = None
    attempt_timeout: Annotated[int | None, Range(ge=1), "seconds of one attempt"] = None
    stream_idle_timeout: Annotated[int | None, Range(ge=1), "seconds of silence within an answer"] = None
    retry_on_error: Annotated[int | None, Range(ge=0), "times that a failed sample is tried again"] = None
    fail_on_error: Annotated[bool | float | None, "which failed samples end a task; a job with any has failed"] = None
    continue_on_fail: Annotated[bool | None, "go on to the end when that is certain"] = None
    max_subprocesses: Annotated[int | None, Range(ge=1), "subprocesses at once"] = None
    max_sandboxes: Annotated[int | None, Range(ge=1), "sandboxes at once"] = None
    log_buffer: Annotated[int | None, Range(ge=1), "samples after which the log is written"] = None
    log_realtime: Annotated[bool | None, "let `inspect view` follow samples that are being asked; slower"] = None


@dataclass(frozen=True, kw_only=True)
class Parameters(Sampling, Selection, Pace):
    """The keywords of `evaluate`."""

    task_args: Annotated[dict[str, Any] | None, "arguments of the tasks"] = None
    solver: Annotated[str | None, 'in place of the tasks\' own: "package/solver" or "file.py@solver"'] = None
    solver_args: Annotated[dict[str, Any] | None, "its arguments"] = None
    scorer: Annotated[
        str | list[str] | dict[str, Any] | None,
        "in place of the tasks' own: a name, a list of names, or {name: arguments}; recorded answers are scored again",
    ] = None
    epochs_reducer: Annotated[str | list[str] | None, 'how epochs become one score: "mean", "max", "pass_at_2"…'] = None
    model_cost_config: Annotated[
        dict[str, Any] | None, 'dollars a million tokens: {"openai/gpt-4.1-mini": {"input": 0.4, "output": 1.6, …}}'
    ] = None
    sandbox: Annotated[str | None, 'in place of the tasks\' own: "docker", or "docker:compose.yaml"'] = None
    model_args: Annotated[dict[str, Any] | None, "arguments of the model's provider"] = None
    model_base_url: Annotated[str | None, "the server to ask; no keys in it"] = None
    model_roles: Annotated[dict[str, Any] | None, 'other models of a task: {"grader": "openai/gpt-4.1-mini"}'] = None


class InspectSettings(Settings):
    """Everything that the backend can be told."""

    Options = Options
    Hyperparameters = Parameters
    unkeyed = frozenset(field.name for field in fields(Pace))


def parameters_of(given: Mapping[str, Any]) -> Parameters:
    """Check the keywords of an evaluation. Raises `SettingError` for the first that is wrong."""
    parameters = check(Parameters, given, who=WHO, what="keyword")
    for name in parameters.model_args or {}:
        if "api_key" in name.lower() or name.lower() in {"token", "password", "secret"}:
            raise SettingError(
                f"{WHO} does not take {name!r} in model_args: it would be stored. Set the provider's variable instead, "
                "such as OPENAI_API_KEY."
            )
    if parameters.epochs_reducer and not parameters.epochs:
        raise SettingError(f"{WHO} needs the keyword 'epochs' with 'epochs_reducer'.")
    if isinstance(parameters.limit, list) and len(parameters.limit) != 2:  # noqa: PLR2004  (from, to)
        raise SettingError(f"{WHO}: keyword 'limit' is a number or [start, stop], not {parameters.limit!r}.")
    _check_generate_config(parameters.generate_config or {})
    return parameters


def _check_generate_config(given: Mapping[str, Any]) -> None:
    """Refuse what has a keyword of its own, and what would be stored though it is secret."""
    for name in given:
        if name in {field.name for field in fields(Parameters)}:
            raise SettingError(f"{WHO}: {name!r} is a keyword of its own; take it out of 'generate_config'.")
        if name == "extra_headers":
            raise SettingError(f"{WHO} does not take 'extra_headers': headers have keys in them, and would be stored.")


def scorers_of(parameters: Parameters) -> dict[str, dict[str, Any]]:
    """Return the arguments of each scorer that is asked for, by its name."""
    given = parameters.scorer or {}
    if isinstance(given, dict):
        return {name: dict(arguments or {}) for name, arguments in given.items()}
    return {name: {} for name in ([given] if isinstance(given, str) else given)}


def settings_of(parameters: Parameters) -> dict[str, Any]:
    """Return what was given of sampling and selection, as Inspect names it."""
    found = given(parameters, Sampling, Selection)
    more: dict[str, Any] = found.pop("generate_config", {})
    return found | more


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
    "scorers_of",
    "settings_of",
]
