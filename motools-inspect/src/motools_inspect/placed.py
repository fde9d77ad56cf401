"""Weights that a request names by their place, by content: retrained there, they are another model.

A plugin that knows a model says its fingerprint itself. What nobody vouches for is looked for here: directories of models
and files of weights among a provider's arguments ("model_path"), and in the name ("hf/DIR", "vllm/BASE:ADAPTER").
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.weights import file_digest, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OF_A_MODEL = ("config.json", "adapter_config.json", "tokenizer_config.json")
"""A directory is a model's, an adapter's or a tokenizer's if it has one of them, or weights."""
OF_WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".jinja")
"""Files that nobody writes to while a model is asked."""


def fingerprints(model: str, arguments: Any) -> dict[str, str]:
    """Return a digest of all weights that a model's name or its arguments name, by the place as it is given.

    A directory's own sub-directories count where they are named as well, as `subfolder` names one.
    """
    named = {*_in_name(model), *_strings(arguments)} - {""}
    directories = [place for place in named if _may_be_a_place(place) and Path(place).is_dir()]
    named |= {f"{directory}/{name}" for directory in directories for name in named}
    found = {place: _of(Path(place)) for place in named if _may_be_a_place(place)}
    return {place: digest for place, digest in sorted(found.items()) if digest is not None}


def weights_of(reference: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the same of a reference, for which a plugin may vouch, and of the arguments that were `given` beside it."""
    if reference["fingerprint"] is not None:
        return fingerprints("", given)
    return fingerprints(reference["model"], reference["args"])


def _in_name(model: str) -> Iterator[str]:
    """Yield what may be places in a name of the form `provider/PLACE`, or `provider/BASE:ADAPTER@REVISION`."""
    name = model.partition("/")[2]
    yield name
    for part in name.split(":"):
        yield part
        yield part.partition("@")[0]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _may_be_a_place(text: str) -> bool:
    return "\0" not in text and "\n" not in text and os.path.exists(text)  # noqa: PTH110 (no error)


def _of(place: Path) -> str | None:
    if place.is_dir():
        has_a_model = any(each.name in OF_A_MODEL or each.suffix in OF_WEIGHTS for each in place.iterdir())
        return fingerprint(place) if has_a_model else None
    return f"sha256:{file_digest(place)}" if place.suffix in OF_WEIGHTS else None


__all__ = ["fingerprints", "weights_of"]
