"""The trained model: a directory that loads wherever it is asked for on this machine."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from motools.files import replace_text, sync_directory
from motools.weights import OURS, fingerprint

if TYPE_CHECKING:
    from pathlib import Path


def save_model(target: Path, model: Any, tokenizer: Any, *, base: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Write an adapter or a whole model, with its tokenizer and chat template, and return the result of the run.

    The directory appears whole, with our note in it. An adapter names its base by an absolute path, or by the name that
    the hub knows.
    """
    draft = target.with_name(f".{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    model.config.use_cache = True
    model.save_pretrained(draft)
    tokenizer.save_pretrained(draft)
    (draft / "README.md").unlink(missing_ok=True)  # a form to be filled in, by peft
    config = draft / "adapter_config.json"
    if config.exists():
        fields = json.loads(config.read_text(encoding="utf-8"))
        fields["base_model_name_or_path"] = base
        fields["target_modules"] = sorted(fields["target_modules"])  # peft keeps a set, in any order
        replace_text(config, json.dumps(fields, indent=2, sort_keys=True) + "\n")
    for path in draft.iterdir():
        path.chmod(0o600)
        with path.open("rb") as file:
            os.fsync(file.fileno())
    result = {"model": target.name, "fingerprint": fingerprint(draft), "base": base, **facts}
    replace_text(draft / OURS, json.dumps(result, indent=2) + "\n")
    draft.rename(target)
    sync_directory(target.parent)
    return result


def finished(target: Path) -> dict[str, Any] | None:
    """Return the result of a run whose model is already there, or None."""
    try:
        result: dict[str, Any] = json.loads((target / OURS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return result


__all__ = ["finished", "save_model"]
