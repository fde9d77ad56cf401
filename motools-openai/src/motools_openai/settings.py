"""What the OpenAI backend can be told.

Ranges are those of OpenAI's API description (`POST /fine_tuning/jobs`); what is left at "auto" or None is left to the
service, and not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from motools import Range, Settings
from motools.settings import Variable

METHODS = ("supervised", "dpo", "reinforcement")

LONGEST_WAIT = 60.0
"""Seconds within which the service must have answered a submission; what it does after that is looked for."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Keywords of `OpenAITrainingBackend`; where one of the first three is None, the SDK's own variable is read."""

    base_url: Annotated[str | None, Variable("OPENAI_BASE_URL"), "the server's address"] = None
    organization: Annotated[str | None, Variable("OPENAI_ORG_ID"), "the organisation that pays"] = None
    project: Annotated[str | None, Variable("OPENAI_PROJECT_ID"), "the project that owns files and jobs"] = None
    poll: Annotated[
        float, Range(gt=0), "seconds between two looks at live jobs, at least; at most twelve times that"
    ] = 5.0
    submit_timeout: Annotated[float, Range(gt=0), "seconds to wait for the answer to a submission"] = LONGEST_WAIT
    prices: Annotated[
        str | dict[str, Any] | None,
        "what training tokens cost, a TOML file or {family: USD per million}; see prices.toml",
    ] = None
    parts_above: Annotated[int, Range(ge=0, le=512 * 2**20), "bytes above which a file is uploaded in parts"] = (
        500 * 2**20
    )


@dataclass(frozen=True, kw_only=True)
class OpenAIHyperparameters:
    """The keys of `hyperparameters`; which of them a request may have depends on its method."""

    n_epochs: Annotated[Literal["auto"] | int, Range(ge=1, le=50), "passes over the data"] = "auto"
    batch_size: Annotated[Literal["auto"] | int, Range(ge=1, le=256), "examples in a step"] = "auto"
    learning_rate_multiplier: Annotated[Literal["auto"] | float, Range(gt=0), "of the service's own rate"] = "auto"
    beta: Annotated[Literal["auto"] | float | None, Range(gt=0, le=2), "dpo: how close to the base model"] = None
    compute_multiplier: Annotated[
        Literal["auto"] | float | None, Range(gt=1e-5, le=10), "reinforcement: compute spent on exploring"
    ] = None
    eval_interval: Annotated[Literal["auto"] | int | None, Range(ge=1), "reinforcement: steps between evaluations"] = (
        None
    )
    eval_samples: Annotated[Literal["auto"] | int | None, Range(ge=1), "reinforcement: samples of an evaluation"] = None
    reasoning_effort: Annotated[
        Literal["default", "low", "medium", "high"] | None, "reinforcement: how long the model thinks"
    ] = None


ONLY_OF: dict[str, str] = {
    "beta": "dpo",
    "compute_multiplier": "reinforcement",
    "eval_interval": "reinforcement",
    "eval_samples": "reinforcement",
    "reasoning_effort": "reinforcement",
}
"""Hyperparameters that one method alone has."""


@dataclass(frozen=True, kw_only=True)
class Keywords:
    """Further keywords of `train`."""

    method: Annotated[Literal["supervised", "dpo", "reinforcement"], "how the model learns from the data"] = (
        "supervised"
    )
    seed: Annotated[int | None, Range(ge=0, le=2**31 - 1), "what makes a job repeatable, mostly"] = None
    validation: Annotated[Any, "a second dataset, which is measured and not trained on"] = None
    grader: Annotated[dict[str, Any] | None, "reinforcement: the grader, as OpenAI describes it"] = None
    metadata: Annotated[dict[str, str] | None, "labels of the job at the service"] = None
    integrations: Annotated[list[dict[str, Any]] | None, "where the service reports to, such as Weights & Biases"] = (
        None
    )
    extra_body: Annotated[dict[str, Any] | None, "further fields of the request, for servers that have them"] = None


class OpenAISettings(Settings):
    """Everything that an OpenAI training can be told."""

    Options = Options
    Hyperparameters = OpenAIHyperparameters
    Keywords = Keywords
    unkeyed = frozenset({"metadata", "integrations"})


__all__ = ["LONGEST_WAIT", "METHODS", "ONLY_OF", "Keywords", "OpenAIHyperparameters", "OpenAISettings", "Options"]
