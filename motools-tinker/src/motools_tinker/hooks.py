"""How an evaluation framework reaches a model at the service."""

from __future__ import annotations

import os

from motools import ModelRef, hookimpl
from motools_tinker.address import DEFAULT_URL

NATIVE, COMPATIBLE = "tinker://", "openai+tinker://"


@hookimpl
def motools_resolve_model(model_id: str, framework: str) -> ModelRef | None:
    """Let Inspect ask a model by its path: by our own provider, or, with `openai+` before it, as OpenAI's clients do.

    The path stands for the same weights as long as they are there, so there is no fingerprint.
    """
    if framework != "inspect" or not model_id.startswith((NATIVE, COMPATIBLE)):
        return None
    from motools.config import home
    from motools_tinker import trained

    path = model_id.removeprefix("openai+")
    facts = trained.known(home() / "tinker", path)
    base_url = facts.get("base_url") or os.environ.get("TINKER_BASE_URL") or None
    if model_id.startswith(COMPATIBLE):
        address = f"{(base_url or DEFAULT_URL).rstrip('/')}/oai/api/v1"
        return ModelRef(model=f"openai-api/tinker/{path}", base_url=address)
    told = {name: facts[name] for name in ("tokenizer", "template_options") if facts.get(name)}
    return ModelRef(model=f"motools-tinker/{path}", base_url=base_url, args=told)


__all__ = ["motools_resolve_model"]
