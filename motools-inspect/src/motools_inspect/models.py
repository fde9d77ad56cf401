"""The model under evaluation, in Inspect's words."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from motools import ModelRef
from motools.errors import ModelNotFound, SettingError
from motools.plugins.hooks import resolve_model
from motools_inspect.environment import variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools_inspect.settings import Parameters

FRAMEWORK = "inspect"


FOR_ALL = "INSPECT_EVAL_MODEL_BASE_URL"
ARGUMENTS = "INSPECT_EVAL_MODEL_ARGS"
"""What the evaluated model is given where it is given nothing else."""
SECRET = re.compile(
    r"(^|[-_])(api[-_]?key|key|secret|password|signature|sig|(access|auth|bearer)[-_]?token|token)$", re.IGNORECASE
)
OF_A_TOKENIZER = re.compile(
    r"(^|[-_])(bos|eos|pad|unk|sep|cls|mask|start|stop|end|image|audio|video)[-_]token$", re.IGNORECASE
)
OTHER_NAMES = {"grok": "XAI", "litellm-proxy": "LITELLM"}
"""Providers whose variable is named after something else."""


def reference(model_id: str) -> ModelRef:
    """Return how Inspect reaches a model: what an installed plugin says, else the name as it is.

    Raises `ModelNotFound` for what is neither known to a plugin nor a name of Inspect's.
    """
    known = resolve_model(model_id, FRAMEWORK)
    if known is not None:
        return known
    if model_id.startswith(("/", "~", ".")):
        raise _no_model_at(model_id)
    provider, slash, name = model_id.partition("/")
    if not slash or not name or not provider.replace("-", "").replace("_", "").isalnum():
        raise ModelNotFound(
            f"Nothing answers to the model {model_id!r}: no installed plugin knows it, and it is not one of Inspect's, "
            'which are named "provider/name", such as "openai/gpt-4.1-mini".'
        )
    return ModelRef(model=model_id)


def _no_model_at(model_id: str) -> ModelNotFound:
    """Say what is the matter with a model that is named by its place."""
    place = os.path.abspath(os.path.expanduser(model_id))  # noqa: PTH100, PTH111  (Path.absolute leaves `..` in)
    if os.path.exists(place):  # noqa: PTH110  (as above)
        return ModelNotFound(f"{model_id!r}: {place} holds no model that an installed plugin knows.")
    return ModelNotFound(
        f"There is no model at {model_id!r}: the directory {place} was deleted or moved, or is on another machine."
    )


def under_evaluation(model_id: str, parameters: Parameters) -> dict[str, Any]:
    """Return the reference of the evaluated model, with what the request says beside."""
    found = reference(model_id).as_dict()
    found["args"] = {**found["args"], **(parameters.model_args or {})}
    found["base_url"] = parameters.model_base_url or found["base_url"]
    if found["model"].startswith("hf/") and parameters.temperature is not None:
        # transformers refuses a temperature of 0 when it samples, and ignores any other when it does not.
        found["args"]["do_sample"] = parameters.temperature > 0
    return found


def roles(given: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the references of a task's other models."""
    for role, model_id in (given or {}).items():
        if not isinstance(model_id, str):
            raise SettingError(f"model_roles: the role {role!r} must be given a model's name, not {model_id!r}.")
    return {role: reference(model_id).as_dict() for role, model_id in (given or {}).items()}


def servers(reference: Mapping[str, Any]) -> dict[str, str]:
    """Return the servers that the environment may lead a model's requests to, by variable.

    Providers read PROVIDER_BASE_URL, the part after the provider's name counts as well ("openai/azure/gpt-4.1",
    "openai-api/SERVICE/model"), and one variable is read by all. Who asks (user, password, query) is left out.
    """
    if reference["base_url"]:
        return {}
    parts = str(reference["model"]).split("/")[:-1]
    words = [*parts, *(OTHER_NAMES[part] for part in parts if part in OTHER_NAMES)]
    wanted = [f"_{word.upper().replace('-', '_')}_" for word in words]
    return {
        name: server
        for name, server in all_servers().items()
        if name == FOR_ALL or any(word in f"_{name}" for word in wanted)
    }


def all_servers() -> dict[str, str]:
    """Return all servers that the environment names, by variable."""
    named = sorted((name, value) for name, value in variables().items() if value and name.endswith("_BASE_URL"))
    return {name: without_secrets(value) for name, value in named}


def arguments_elsewhere(reference: Mapping[str, Any]) -> str | None:
    """Return a digest of the arguments that the environment has for the evaluated model; there may be keys among them."""
    said = None if reference["args"] else variables().get(ARGUMENTS)
    return hashlib.sha256(said.encode()).hexdigest() if said else None


def is_secret(name: str) -> bool:
    """Whether an argument, or a field of an address, only says who asks."""
    return bool(SECRET.search(name)) and not OF_A_TOKENIZER.search(name)


def without_secrets(url: str) -> str:
    """Return a server's address without who asks it."""
    parts = urlsplit(url)
    if not parts.netloc:
        return url
    asked = urlencode([each for each in parse_qsl(parts.query, keep_blank_values=True) if not is_secret(each[0])])
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{'?' if asked else ''}{asked}"


__all__ = [
    "all_servers",
    "arguments_elsewhere",
    "is_secret",
    "reference",
    "roles",
    "servers",
    "under_evaluation",
    "without_secrets",
]
