"""Which models an evaluation asks, by content: with the facts of its tasks this is what the cache key is made of.

A model is its reference with the fingerprint of its weights, which a plugin gives or its files do, and the server that the
environment names for its provider. How fast it is done (`settings.Pace`) is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools_inspect import models
from motools_inspect.placed import weights_of

if TYPE_CHECKING:
    from motools_inspect.settings import Parameters


def model_identity(model_id: str, parameters: Parameters) -> dict[str, Any]:
    """Return the evaluated model and those of the roles, JSON-safe."""
    evaluated = models.under_evaluation(model_id, parameters)
    elsewhere = models.arguments_elsewhere(evaluated)
    return {
        "model": _placed(evaluated, parameters.model_args or {})
        | ({"args_of_environment": elsewhere} if elsewhere else {}),
        "model_roles": {role: _placed(found, {}) for role, found in models.roles(parameters.model_roles).items()},
        # What a model costs changes what is measured only where samples are ended by it.
        "prices": parameters.model_cost_config if parameters.cost_limit else None,
    }


def _placed(reference: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return a model's reference with the servers that the environment names for it, and the weights that it names by place."""
    more = {"servers": models.servers(reference), "weights": weights_of(reference, given)}
    return reference | {name: found for name, found in more.items() if found}


__all__ = ["model_identity"]
