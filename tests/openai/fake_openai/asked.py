"""What a job is asked for: the body of POST /fine_tuning/jobs, checked as the service checks it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fake_openai.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_SEED = 2**31 - 1
RESOLVED: dict[str, dict[str, Any]] = {
    "supervised": {"batch_size": 1, "learning_rate_multiplier": 1.8, "n_epochs": 3},
    "dpo": {"batch_size": 1, "beta": 0.1, "learning_rate_multiplier": 1.8, "n_epochs": 3},
    "reinforcement": {
        "batch_size": 1,
        "compute_multiplier": 1.0,
        "eval_interval": 1,
        "eval_samples": 1,
        "learning_rate_multiplier": 1.8,
        "n_epochs": 3,
        "reasoning_effort": "medium",
    },
}
"""The hyperparameters of each method, and what "auto" turns out to be."""
LARGEST = {"n_epochs": 50, "batch_size": 256, "beta": 2, "compute_multiplier": 10}
WHOLE = {"n_epochs", "batch_size", "eval_interval", "eval_samples"}
EFFORTS = ("default", "low", "medium", "high")
LONGEST = {"suffix": 64, "key": 64, "value": 512, "pairs": 16}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that may become a job."""

    model: str
    training_file: str
    validation_file: str | None
    suffix: str | None
    seed: int
    metadata: dict[str, str] | None
    integrations: list[dict[str, Any]]
    method: str
    hyperparameters: dict[str, Any]
    grader: dict[str, Any] | None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Asked:
        """Return what a body asks for; raise ApiError where the service would refuse it out of hand."""
        for name in ("model", "training_file"):
            if not isinstance(body.get(name), str):
                raise invalid(f"Missing required parameter: '{name}'.", name)
        method, settings = _method(body)
        return cls(
            model=body["model"],
            training_file=body["training_file"],
            validation_file=body.get("validation_file"),
            suffix=_suffix(body.get("suffix")),
            seed=_seed(body.get("seed")),
            metadata=_metadata(body.get("metadata")),
            integrations=body.get("integrations") or [],
            method=method,
            hyperparameters=_hyperparameters(method, settings.get("hyperparameters") or {}),
            grader=settings.get("grader"),
        )

    def resolved(self) -> dict[str, Any]:
        """Return the hyperparameters with "auto" and "default" made up."""
        return {
            name: RESOLVED[self.method][name] if value in {"auto", "default"} else value
            for name, value in self.hyperparameters.items()
        }


def _method(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    method = body.get("method")
    if method is None:
        return "supervised", {"hyperparameters": body.get("hyperparameters") or {}}
    kind = method.get("type")
    if kind not in RESOLVED:
        raise invalid(f"Invalid value: '{kind}'. Supported values are: {', '.join(RESOLVED)}.", "method.type")
    settings = method.get(kind) or {}
    if kind == "reinforcement" and not settings.get("grader"):
        raise invalid("Missing required parameter: 'method.reinforcement.grader'.", "method.reinforcement.grader")
    return kind, settings


def _hyperparameters(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := given.keys() - RESOLVED[method].keys():
        name = min(unknown)
        raise invalid(f"Unknown parameter: 'hyperparameters.{name}'.", f"hyperparameters.{name}")
    for name, value in given.items():
        if not _is_allowed(name, value):
            raise invalid(f"Invalid value for '{name}': {value!r}.", f"hyperparameters.{name}")
    return {name: given.get(name, _unasked(name)) for name in RESOLVED[method]}


def _unasked(name: str) -> str:
    return "default" if name == "reasoning_effort" else "auto"


def _is_allowed(name: str, value: object) -> bool:
    if name == "reasoning_effort":
        return value in EFFORTS
    if value == "auto":
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if name in WHOLE and (not isinstance(value, int) or value < 1):
        return False
    return 0 < value <= LARGEST.get(name, value)


def _suffix(suffix: str | None) -> str | None:
    if suffix is not None and not 1 <= len(suffix) <= LONGEST["suffix"]:
        raise invalid(f"A suffix has 1 to {LONGEST['suffix']} characters, not {len(suffix)}.", "suffix")
    return suffix


def _seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbelow(LARGEST_SEED)
    if not 0 <= seed <= LARGEST_SEED:
        raise invalid(f"A seed lies between 0 and {LARGEST_SEED}.", "seed")
    return seed


def _metadata(metadata: dict[str, Any] | None) -> dict[str, str] | None:
    for key, value in (metadata or {}).items():
        if not isinstance(value, str) or len(value) > LONGEST["value"] or len(key) > LONGEST["key"]:
            raise invalid("Metadata are up to 64 characters of key and 512 of text.", f"metadata.{key}")
    if metadata and len(metadata) > LONGEST["pairs"]:
        raise invalid(f"Metadata have at most {LONGEST['pairs']} pairs.", "metadata")
    return metadata
