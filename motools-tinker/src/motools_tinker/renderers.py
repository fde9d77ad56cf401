"""Which renderer a run has: the chat template of the model's tokenizer, or a function of the user's."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.errors import ModelNotFound, RunFailed, SettingError
from motools_tinker.rendering import OwnRenderer, RenderError, TemplateRenderer

if TYPE_CHECKING:
    from collections.abc import Callable

    from motools_tinker.spec import TrainingSpec


def found(name: str) -> tuple[str, str]:
    """Return the directory of the module that a renderer's name begins with, and the digest of its file.

    Raises `SettingError` where there is no such module for this process.
    """
    module, colon, function = name.partition(":")
    if not colon or not module or not function:
        raise SettingError(f"tinker: hyperparameter 'renderer' must be 'module:function', not {name!r}.")
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise SettingError(f"tinker: the renderer's module {module!r} cannot be found: {error}.") from error
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise SettingError(f"tinker: there is no module {module!r} for the renderer {name!r} on Python's path.")
    levels = module.count(".") + (Path(spec.origin).name == "__init__.py")
    return str(Path(spec.origin).resolve().parents[levels]), _digest(spec.origin)


def renderer_of(spec: TrainingSpec, tokenizer_of_service: Callable[[], Any]) -> TemplateRenderer | OwnRenderer:
    """Return the renderer of a run. Raises `RunFailed` or `ModelNotFound` that says what is missing."""
    wanted = spec.hyperparameters
    tokenizer = load_tokenizer(wanted.tokenizer) if wanted.tokenizer else _of_service(tokenizer_of_service)
    if wanted.renderer is None:
        try:
            return TemplateRenderer(tokenizer, train_on=wanted.train_on, options=wanted.template_options)
        except RenderError as error:
            raise RunFailed(f"{spec.model}: {error}") from error
    return OwnRenderer(tokenizer, _function(spec, wanted.renderer), wanted.renderer)


def load_tokenizer(name: str) -> Any:
    """Return the tokenizer in a directory, or of a name on the model hub. Raises `ModelNotFound`."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(os.path.expanduser(name))  # noqa: PTH111  (a name on the hub is no path)
    except (OSError, ValueError) as error:
        raise _no_tokenizer(name, error) from error


def _of_service(tokenizer_of_service: Callable[[], Any]) -> Any:
    try:
        return tokenizer_of_service()
    except (OSError, ValueError, RuntimeError) as error:
        raise _no_tokenizer("of the service's choice", error) from error


def _no_tokenizer(name: str, error: Exception) -> ModelNotFound:
    reason = str(error).strip().splitlines()
    return ModelNotFound(
        f"The tokenizer {name!r} cannot be loaded: {reason[0] if reason else type(error).__name__} Give the hyperparameter "
        f"tokenizer the directory of one that is on this machine."
    )


def _function(spec: TrainingSpec, name: str) -> Any:
    module, _, function = name.partition(":")
    if spec.renderer_path and spec.renderer_path not in sys.path:
        sys.path.append(spec.renderer_path)
    try:
        loaded = importlib.import_module(module)
        renderer = getattr(loaded, function)
    except (ImportError, AttributeError) as error:
        raise RunFailed(f"The renderer {name!r} cannot be imported: {error}.") from error
    if loaded.__file__ and _digest(loaded.__file__) != spec.renderer_sha256:
        raise RunFailed(
            f"{loaded.__file__} has changed since the run was asked for; put back what it was, or ask again."
        )
    return renderer


def _digest(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = ["found", "load_tokenizer", "renderer_of"]
