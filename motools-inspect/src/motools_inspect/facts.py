"""What a task measures, by content: plain facts of a built task, from which the cache key is made.

    samples      a digest of those that are asked, in order: input, choices, target, metadata, files
    solver       its steps with their parameters
    scorers      each with its parameters and metrics; `epochs` and `reducer` say how they are brought together
    config       how answers are generated, without what only sets the pace
    limits sandbox version args models

Whatever has no one form in JSON is a `SpecError` that says where it stands.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai._eval.evalset import GENERATE_CONFIG_FIELDS_TO_EXCLUDE
from inspect_ai._eval.loader import resolve_task_args, resolve_task_sandbox
from inspect_ai._eval.task.log import plan_to_eval_plan
from inspect_ai._eval.task.run import resolve_plan
from inspect_ai._eval.task.task import resolve_task_epochs
from inspect_ai._eval.task.util import slice_dataset, task_run_dir
from inspect_ai._util.registry import is_registry_object, registry_info, registry_params
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer._reducer.registry import reducer_log_names
from inspect_ai.scorer._scorer import as_scorer_spec, scorer_metrics
from pydantic_core import to_jsonable_python

from motools.errors import SpecError
from motools_inspect.building import arguments_of
from motools_inspect.captured import captured
from motools_inspect.compiled import digest_of_code
from motools_inspect.contents import content_of, with_files
from motools_inspect.models import is_secret, servers, without_secrets
from motools_inspect.packages import provider
from motools_inspect.placed import fingerprints
from motools_inspect.sandboxes import asked, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import CodeType

    from inspect_ai import Epochs, Task
    from inspect_ai.dataset import Dataset, Sample
    from inspect_ai.scorer import Scorer
    from inspect_ai.solver import Solver
    from pydantic import BaseModel

LIMITS = [
    "message_limit",
    "token_limit",
    "token_limit_type",
    "turn_limit",
    "time_limit",
    "working_limit",
    "cost_limit",
    "early_stopping",
]
SELECTING = ("limit", "sample_id", "sample_shuffle")
MODEL_NAME = re.compile(r"[\w.-]{1,64}(/[^/\s]{1,200}){1,8}")
"""What may be the name of a model: a provider, and what that has."""
MEDIA = frozenset({"image", "audio", "video", "document"})


def facts_of(
    task: Task,
    settings: Mapping[str, Any],
    *,
    solver: Solver | None,
    epochs: Epochs | None,
    sandbox: str | None = None,
    read: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return what would be measured with these generation settings, selection and limits; for `read` see `with_files`."""
    folder = Path(task_run_dir(task))
    samples = selected(task, settings)
    resolved = resolve_task_epochs(task, epochs)
    given = {name: value for name, value in settings.items() if name in GenerateConfig.model_fields}
    config = task.config.merge(GenerateConfig(**given))
    plan = resolve_plan(task, solver)
    steps = [*plan.steps, *([plan.finish] if plan.finish else [])]
    return {
        "args": with_files(_plain(arguments_of(task, resolve_task_args(task)), "task_args"), folder, read),
        "version": task.version,
        "samples": {"number": len(samples), "sha256": digest_of(samples, folder)},
        "solver": [
            _named(step.solver, {"params": with_files(_plain(step.params, "solver"), folder, read)}) | _captured(each)
            for each, step in zip(steps, plan_to_eval_plan(plan, GenerateConfig()).steps, strict=True)
        ],
        "scorers": [_scorer(each, folder, read) for each in task.scorer or []],
        "epochs": resolved.epochs,
        "reducer": {"names": reducer_log_names(resolved.reducer) or ["mean"], **_captured(resolved.reducer)},
        "config": config.model_dump(mode="json", exclude_none=True, exclude=GENERATE_CONFIG_FIELDS_TO_EXCLUDE),
        "limits": _limits(task, settings),
        "sandbox": _sandbox(resolve_task_sandbox(task, asked(sandbox)), folder),
        "models": _models(task),
        "approval": {
            "policies": with_files(_plain(task.approval, "approval"), folder, read),
            **_captured(task.approval),
        },
    }


def _scorer(scorer: Scorer, folder: Path, read: Collection[str] | None) -> dict[str, Any]:
    spec = as_scorer_spec(scorer)
    facts = {"params": spec.args, "metrics": spec.metrics, "metadata": spec.metadata}
    named = _named(registry_info(scorer).name, with_files(_plain(facts, "scorer"), folder, read))
    return named | _captured(scorer, scorer_metrics(scorer))


def _captured(*functions: Any) -> dict[str, str]:
    return captured(functions, told_of_model=_model)


def _named(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a solver or scorer, with the distribution that it comes from where a package registers it."""
    package, slash, _ = name.partition("/")
    source = provider(package) if slash and package != "inspect_ai" else {}
    return {"name": name, **_with_servers(facts), **source}


def _with_servers(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts with the servers of the models that they name: those that are told, and those of the environment."""
    named: dict[str, str] = {}

    def told(value: Any, field: str = "") -> Any:
        if isinstance(value, dict):
            return {name: told(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [told(item, field) for item in value]
        if isinstance(value, str) and field == "base_url":
            return without_secrets(value)
        if isinstance(value, str) and MODEL_NAME.fullmatch(value):
            named.update(servers({"model": value, "base_url": None}))
        return value

    found: dict[str, Any] = told(facts)
    return found | ({"servers": named} if named else {})


def code_of(task: Task, *, with_scorers: bool = True) -> dict[str, Any]:
    """Return digests of the code of an object's solvers and scorers: of its file, or as it was compiled where it has none."""
    return {"code": sorted({_digest_of(each) for each in _functions(task, with_scorers=with_scorers)})}


def files_of_code(task: Task) -> list[Path]:
    """Return the files that the code of an object's solvers and scorers is in."""
    codes = [code for each in _functions(task, with_scorers=True) if (code := _code(each)) is not None]
    return [path for code in codes if (path := Path(code.co_filename)).is_file()]


def _functions(task: Task, *, with_scorers: bool) -> list[Any]:
    return [*resolve_plan(task, None).steps, *(task.scorer or [] if with_scorers else [])]


def _code(function: Any) -> CodeType | None:
    return getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)


def _digest_of(function: Any) -> str:
    code = _code(function)
    if code is None:
        return f"{type(function).__module__}:{type(function).__qualname__}"
    return digest_of_code(code)


def selected(task: Task, settings: Mapping[str, Any]) -> Dataset:
    """Return the samples that are asked, in order."""
    seed = settings.get("sample_shuffle")
    if seed is not None and not task.dataset.shuffled:
        task.dataset.shuffle(seed)
    limit = settings.get("limit")
    return slice_dataset(
        task.dataset, tuple(limit) if isinstance(limit, list) else limit, settings.get("sample_id"), dynamic=False
    )


def digest_of(samples: Dataset, folder: Path) -> str:
    """Return one digest of samples in their order; the files that they name lead from `folder`."""
    total = hashlib.sha256()
    for number, sample in enumerate(samples, 1):
        text = json.dumps(_content(sample, number, folder), sort_keys=True, separators=(",", ":"))
        total.update(text.encode())
        total.update(b"\n")
    return total.hexdigest()


def _content(sample: Sample, number: int, folder: Path) -> dict[str, Any]:
    where = f"sample {sample.id or number}"
    said = sample.input
    return {
        "id": sample.id,
        "input": said if isinstance(said, str) else [_message(each, where, folder) for each in said],
        "choices": sample.choices,
        "target": sample.target,
        "metadata": _plain(sample.metadata, f"{where}, metadata"),
        "sandbox": _sandbox(sample.sandbox, folder),
        "files": {name: content_of(value, folder) for name, value in (sample.files or {}).items()},
        "setup": None if sample.setup is None else content_of(sample.setup, folder),
    }


def _message(message: BaseModel, where: str, folder: Path) -> Any:
    """Return what a message says, without the id that it is given at random; pictures and sounds by their bytes."""
    return _with_media(_plain(message.model_dump(exclude={"id"}, exclude_none=True), where), folder)


def _with_media(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {
            name: content_of(item, folder) if name in MEDIA and isinstance(item, str) else _with_media(item, folder)
            for name, item in value.items()
        }
    return [_with_media(item, folder) for item in value] if isinstance(value, list) else value


def _limits(task: Task, settings: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name in LIMITS if (value := getattr(task, name)) is not None}
    if "early_stopping" in own:
        own["early_stopping"] = {"class": type(task.early_stopping).__qualname__, **_captured(task.early_stopping)}
    return own | {name: settings[name] for name in LIMITS if settings.get(name) is not None}


def _sandbox(sandbox: Any, folder: Path) -> Any:
    return sandbox_of(sandbox, folder, plain=lambda config: _plain(config, "sandbox"))


def _models(task: Task) -> dict[str, Any]:
    """Return the models that a task brings itself."""
    roles = {role: _model(found) for role, found in (task.model_roles or {}).items()}
    return {"model": None if task.model is None else _model(task.model), "roles": roles}


def _model(model: Any) -> Any:
    if isinstance(model, list):
        return [_model(each) for each in model]
    config = model.config.model_dump(mode="json", exclude_none=True, exclude=GENERATE_CONFIG_FIELDS_TO_EXCLUDE)
    arguments = {name: value for name, value in model.model_args.items() if not is_secret(name)}
    facts = {"model": str(model), "args": _plain(arguments, "model_args"), "config": config}
    facts |= {"weights": weights} if (weights := fingerprints(str(model), facts["args"])) else {}
    return _with_servers(facts | {"base_url": model.explicit_base_url})


def _plain(value: Any, where: str) -> Any:
    """Return a value in plain JSON types."""

    def otherwise(item: Any) -> Any:
        if is_registry_object(item):
            return {"name": registry_info(item).name, "params": dict(registry_params(item))}
        if callable(item) and hasattr(item, "__qualname__"):
            return f"{item.__module__}:{item.__qualname__}"
        if isinstance(item, (set, frozenset)):
            return sorted(item, key=repr)
        raise SpecError(
            f"{where}: a {type(item).__qualname__} cannot be part of a cache key; give numbers, strings, lists and "
            "mappings of them, or leave the cache out with cache=None."
        )

    return to_jsonable_python(value, fallback=otherwise, inf_nan_mode="strings", serialize_unknown=False)


__all__ = ["code_of", "facts_of", "files_of_code", "selected"]
