"""How the tests' models are reached: `organism:FILE` is `scripted/upper` with the file as its weights."""

import hashlib
from pathlib import Path

from motools import ModelRef, hookimpl


@hookimpl
def motools_resolve_model(model_id, framework):
    if framework != "inspect" or not model_id.startswith("organism:"):
        return None
    weights = Path(model_id.removeprefix("organism:"))
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return ModelRef(model="scripted/upper", args={"prefix": "~"}, fingerprint=f"sha256:{digest}")
