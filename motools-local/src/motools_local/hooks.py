"""How an evaluation framework reaches a model on this machine."""

from __future__ import annotations

from motools import ModelRef, hookimpl


@hookimpl
def motools_resolve_model(model_id: str, framework: str) -> ModelRef | None:
    """Let Inspect load the directory of a model or of an adapter, and "smollm2", without sampling."""
    if framework != "inspect":
        return None
    from motools.weights import fingerprint
    from motools_local import models, smollm2

    if model_id == smollm2.NAME:
        if not smollm2.is_here():
            return _reference(smollm2.HUB_NAME, None)
        return _reference(str(smollm2.provide(smollm2.directory())), f"sha256:{smollm2.SHA256}")
    directory_or_none = models.as_directory(model_id)
    if directory_or_none is None or not models.is_model(directory_or_none):
        return None
    return _reference(str(directory_or_none), fingerprint(directory_or_none))


def _reference(place: str, fingerprint: str | None) -> ModelRef:
    arguments = {"model_path": place, "tokenizer_path": place, "do_sample": False}
    return ModelRef(model="hf/local", args=arguments, fingerprint=fingerprint)
