"""Inspect's own cache of answers (`generate(cache=True)`), which goes by a model's name: apart for what only the name has in common.

    INSPECT_CACHE_DIR/motools/DIGEST      of the weights, the draw, and the job where it is to ask anew

A model that is nothing but its name has Inspect's cache as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai._util.appdirs import inspect_cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLE = "INSPECT_CACHE_DIR"
APART = "motools"


@contextmanager
def apart(spec: Mapping[str, Any]) -> Iterator[None]:
    """Have Inspect keep the answers of a job meanwhile where only the same weights and the same draw find them."""
    told = {
        "weights": [*_weights([spec["measured_models"], spec["measured"]])],
        "replicate": spec["replicate"] or 0,
        "anew": spec["job_id"] if spec["refresh"] else None,
    }
    if not any(told.values()):
        yield
        return
    before = os.environ.get(VARIABLE)
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    os.environ[VARIABLE] = str(_root(before) / APART / digest)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _root(given: str | None) -> Path:
    """Return the folder of Inspect's cache: what another job in this process has set it to lies in there."""
    root = Path(given) if given else inspect_cache_dir(None, create=False)
    return root.parent.parent if root.parent.name == APART else root


def _weights(told: Any) -> Iterator[Any]:
    """Yield the fingerprints of all models."""
    if isinstance(told, dict):
        for name, value in told.items():
            if name in {"fingerprint", "weights"} and value:
                yield value
            else:
                yield from _weights(value)
    elif isinstance(told, list):
        for value in told:
            yield from _weights(value)


__all__ = ["apart"]
