"""What this machine knows of the models that it trained: how to ask them as they were trained.

One small file for each in `MOTOOLS_HOME/tinker/models`, by the digest of the model's path.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from motools.files import replace_text

if TYPE_CHECKING:
    from pathlib import Path

    from motools_tinker.spec import TrainingSpec


def note(place: Path, model_id: str, spec: TrainingSpec, tokenizer: str | None) -> None:
    """Keep how a model was trained. `place` is the directory `tinker` of the home."""
    facts = {
        "model_id": model_id,
        "base_model": spec.model,
        "base_url": spec.options.base_url,
        "tokenizer": tokenizer,
        "template_options": spec.hyperparameters.template_options,
    }
    path = _path(place, model_id)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    replace_text(path, json.dumps(facts, indent=2) + "\n")


def known(place: Path, model_id: str) -> dict[str, Any]:
    """Return what `note` kept of a model; nothing where it was not trained here."""
    try:
        facts = json.loads(_path(place, model_id).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _path(place: Path, model_id: str) -> Path:
    return place / "models" / f"{hashlib.sha256(model_id.encode()).hexdigest()}.json"


__all__ = ["known", "note"]
