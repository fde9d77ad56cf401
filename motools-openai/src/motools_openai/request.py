"""The body of `POST /fine_tuning/jobs`, checked before anything is sent.

Hyperparameters always go under `method`: the field of that name at the top is deprecated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from motools.errors import SettingError
from motools.settings import check
from motools_openai.settings import ONLY_OF, Keywords, OpenAIHyperparameters

WHO = "The openai backend"

TOKEN_KEY = "motools"  # noqa: S105 (the name of a label)
"""The label of a job that holds the token of its submission."""

LONGEST_SUFFIX = 64
MOST_LABELS, LONGEST_LABEL, LONGEST_VALUE = 16, 64, 512
"""The limits of a job's metadata. One of the labels is ours."""

OWN_FIELDS = frozenset(
    {
        "model",
        "training_file",
        "validation_file",
        "method",
        "hyperparameters",
        "suffix",
        "seed",
        "metadata",
        "integrations",
    }
)
"""Fields of the body that have a place among the arguments of `train`: said in `extra_body` they would replace what is
checked, priced and searched for, the token in `metadata` among it."""


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A request that the service should accept, without the files, which get their ids later."""

    model: str
    method: str = "supervised"
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """Those that are given; the service chooses the others."""
    suffix: str | None = None
    seed: int | None = None
    grader: Mapping[str, Any] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    integrations: list[dict[str, Any]] | None = None
    extra_body: Mapping[str, Any] | None = None

    def body(self, *, training_file: str, validation_file: str | None, token: str | None) -> dict[str, Any]:
        """Return the keywords of the SDK's `fine_tuning.jobs.create`; what is not set is left out."""
        inner: dict[str, Any] = {"hyperparameters": dict(self.hyperparameters)} if self.hyperparameters else {}
        if self.grader is not None:
            inner["grader"] = dict(self.grader)
        labels = dict(self.metadata) | ({TOKEN_KEY: token} if token else {})
        given = {
            "suffix": self.suffix,
            "seed": self.seed,
            "validation_file": validation_file,
            "metadata": labels or None,
            "integrations": self.integrations,
            "extra_body": self.extra_body,
        }
        return {
            "model": self.model,
            "training_file": training_file,
            "method": {"type": self.method, self.method: inner},
            **{name: value for name, value in given.items() if value is not None},
        }


def job_request(
    model: object, hyperparameters: Mapping[str, Any] | None, suffix: str | None, keywords: Mapping[str, Any]
) -> JobRequest:
    """Return the request, with everything in its type and range. Raises `SettingError`."""
    settings = check(OpenAIHyperparameters, hyperparameters or {}, who=WHO)
    said = check(Keywords, keywords, who=WHO, what="keyword")
    given = {
        name: value
        for name in settings.__dataclass_fields__
        if (value := getattr(settings, name)) not in (None, "auto")
    }
    for name in given:
        if ONLY_OF.get(name, said.method) != said.method:
            raise SettingError(
                f"{WHO}: hyperparameter {name!r} belongs to method {ONLY_OF[name]!r}, not {said.method!r}."
            )
    if not isinstance(model, str) or not model:
        raise SettingError(f"{WHO}: model must be the name of a base model, not {model!r}.")
    _check_suffix(suffix)
    _check_grader(said)
    _check_labels(said.metadata or {})
    _check_integrations(said.integrations or [])
    _check_extra(said.extra_body or {})
    return JobRequest(
        model=model,
        method=said.method,
        hyperparameters=given,
        suffix=suffix,
        seed=said.seed,
        grader=said.grader,
        metadata=said.metadata or {},
        integrations=said.integrations,
        extra_body=said.extra_body,
    )


def _check_suffix(suffix: object) -> None:
    if suffix is not None and not (isinstance(suffix, str) and 0 < len(suffix) <= LONGEST_SUFFIX):
        raise SettingError(f"{WHO}: suffix must be 1 to {LONGEST_SUFFIX} characters, not {suffix!r}.")


def _check_grader(said: Keywords) -> None:
    is_reinforcement = said.method == "reinforcement"
    if is_reinforcement and not said.grader:
        raise SettingError(f"{WHO}: method 'reinforcement' needs a grader, as grader={{'type': 'string_check', …}}.")
    if said.grader is not None and not is_reinforcement:
        raise SettingError(f"{WHO}: a grader belongs to method 'reinforcement', not {said.method!r}.")
    if said.grader is not None and not isinstance(said.grader.get("type"), str):
        raise SettingError(
            f"{WHO}: the grader has no 'type'; known are string_check, text_similarity, python, score_model, multi."
        )


def _check_labels(labels: Mapping[Any, Any]) -> None:
    if len(labels) >= MOST_LABELS:
        raise SettingError(f"{WHO}: metadata has {len(labels)} labels; at most {MOST_LABELS - 1} are left for you.")
    for name, value in labels.items():
        if name == TOKEN_KEY:
            raise SettingError(f"{WHO}: the label {TOKEN_KEY!r} of metadata is taken: a job is found again by it.")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_LABEL:
            raise SettingError(f"{WHO}: a name in metadata must be 1 to {LONGEST_LABEL} characters, not {name!r}.")
        if not isinstance(value, str) or len(value) > LONGEST_VALUE:
            raise SettingError(
                f"{WHO}: metadata {name!r} must be text of at most {LONGEST_VALUE} characters, not {value!r}."
            )


def _check_integrations(integrations: list[Any]) -> None:
    for number, each in enumerate(integrations):
        kind = each.get("type") if isinstance(each, Mapping) else None
        if not isinstance(kind, str) or not isinstance(each.get(kind), Mapping):
            raise SettingError(
                f"{WHO}: integrations[{number}] must look like {{'type': 'wandb', 'wandb': {{'project': …}}}}, not {each!r}."
            )
        if kind == "wandb" and not each["wandb"].get("project"):
            raise SettingError(f"{WHO}: integrations[{number}] names no project of Weights & Biases.")


def _check_extra(extra_body: Mapping[str, Any]) -> None:
    if taken := sorted(OWN_FIELDS.intersection(extra_body)):
        raise SettingError(
            f"{WHO}: extra_body must not have {', '.join(map(repr, taken))}: train() has arguments for that. It is for "
            "fields that only some servers have."
        )


__all__ = ["TOKEN_KEY", "JobRequest", "job_request"]
