"""How an evaluation framework reaches a model that was fine-tuned at OpenAI."""

from __future__ import annotations

from motools import ModelRef, hookimpl


@hookimpl
def motools_resolve_model(model_id: str, framework: str) -> ModelRef | None:
    """Let Inspect ask OpenAI's own provider for `ft:` models, checkpoints among them. Their weights never change."""
    if framework != "inspect" or not model_id.startswith("ft:"):
        return None
    return ModelRef(model=f"openai/{model_id}")


__all__ = ["motools_resolve_model"]
