"""The hooks: places where any number of plugins may listen or answer.

A hook module is named in the `motools.hooks.v1` entry-point group. It implements what it wants with `@hookimpl`:

    from motools import ModelRef, hookimpl

    @hookimpl
    def motools_resolve_model(model_id, framework):
        if framework == "inspect" and model_id.startswith("acme:"):
            return ModelRef(model="openai-api/acme/" + model_id.removeprefix("acme:"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from motools.events import RunEvent
    from motools.models import ModelRef

hookspec = pluggy.HookspecMarker("motools")
hookimpl = pluggy.HookimplMarker("motools")


@hookspec
def motools_run_event(event: RunEvent) -> Awaitable[None] | None:
    """Hear of every change in the life of a run or job. What it raises breaks no run, and nor does being slow.

    A coroutine function is awaited on the caller's event loop. A plain function is called in a thread that all plain
    listeners share, one event after the other, so it may block; it has no running loop. Each has ten seconds.

    A plugin that `plugins.required` names is also told that something is about to be paid for (`submitting`). Failing on
    that, or not answering, stops it.

    How far one is, is told while a process waits for it or refreshes it, every few seconds at most; where several
    processes do, each tells its own listeners.
    """


@hookspec(firstresult=True)
def motools_resolve_model(model_id: str, framework: str) -> ModelRef | None:
    """Say how an evaluation framework reaches a trained model, or None to leave it to others.

    `framework` is the name of the evaluation backend that asks, such as "inspect". Must not touch the network.
    """


__all__ = ["hookimpl", "hookspec", "motools_resolve_model", "motools_run_event"]
