"""What a server has loaded and found out before it forks, so that no worker has to."""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module

LOADED = ("motools_inspect.running", "motools_inspect.resolving", "motools_inspect.facts", "motools_inspect.worker")
LOADED_LATE = (
    "anyio._backends._asyncio",
    "encodings.cp437",
    "fsspec.implementations.chained",
    "inspect_ai._control.config_record",
    "inspect_ai._control.scoring",
    "inspect_ai.agent._acp.server",
    "inspect_ai.agent._acp.transport_live",
    "inspect_ai.hooks._startup",
    "inspect_ai.model._openai_responses",
    "inspect_ai.model._providers.none",
    "inspect_ai.model._providers.openai_compatible",
    "inspect_ai.solver._transcript",
    "markdown_it",
    "numpy.random",
    "platformdirs.unix",
    "rich._emoji_codes",
    "rich.markdown",
)
"""What Inspect imports in mid-evaluation, and slowly. Where another version has no such module, nothing is lost but time."""
SELDOM = (20_000, 20, 20)
"""Objects after which a worker looks for those that only refer to one another: each look copies the pages that it touches."""


def load() -> None:
    """Import what every evaluation needs, and what installed packages register with Inspect."""
    for name in LOADED:
        import_module(name)
    for name in LOADED_LATE:
        with suppress(ImportError):
            import_module(name)
    from inspect_ai._util.entrypoints import ensure_entry_points
    from inspect_ai.model import get_model_info

    from motools_inspect import packages
    from motools_inspect.in_use import at_first

    ensure_entry_points()
    get_model_info("none/none")  # reads what is known of all models, once
    packages.names()  # reads the metadata of all that is installed, once
    at_first()  # is remembered
    # What is here now is never freed, so a collection in a worker need not touch (and so copy) it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)


__all__ = ["load"]
