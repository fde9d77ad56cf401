"""Who is told what happens to the runs of one chain: those of its layers that want to be, and then the hooks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from motools.events import Notify, RunEvent

LAYER_SECONDS = 10.0
"""How long one layer may take over one event."""


class Listeners:
    """A `Notify` that tells the layers, outermost last, before the one it is made with. A layer that fails is reported."""

    def __init__(self, notify: Notify | None) -> None:
        self._notify = notify
        self._layers: list[tuple[Callable[[RunEvent], Awaitable[None]], frozenset[str]]] = []
        """The method of each that is told, and what it need not be told."""

    def add(self, layer: Any) -> None:
        """Tell a layer from now on, if it wants to be told."""
        if told := getattr(layer, "told", None):
            self._layers.append((told, frozenset(getattr(layer, "unheard", ()))))

    @property
    def is_idle(self) -> bool:
        """Whether it is known that nobody listens."""
        return not self._layers and self._has_no_hooks

    @property
    def _has_no_hooks(self) -> bool:
        return self._notify is None or bool(getattr(self._notify, "is_idle", False))

    def ignores(self, happened: str) -> bool:
        """Whether all who listen pass over events of this kind, so that they need not be made."""
        return self._has_no_hooks and all(happened in unheard for _, unheard in self._layers)

    @property
    def allow(self) -> Callable[[RunEvent], Awaitable[None]] | None:
        """What is asked before anything is paid for, where the configuration requires a plugin."""
        return getattr(self._notify, "allow", None)

    async def __call__(self, event: RunEvent) -> None:
        for told, unheard in self._layers:
            if event.happened not in unheard:
                await self._tell(told, event)
        if self._notify is not None:
            await self._notify(event)

    async def _tell(self, told: Callable[[RunEvent], Awaitable[None]], event: RunEvent) -> None:
        from functools import partial

        from motools.listening import failure_of
        from motools.words import said, shown

        if error := await failure_of(partial(told, event), LAYER_SECONDS):
            import logging

            logging.getLogger("motools").error("%s failed on %s: %s", shown(told), event.happened, said(error))


__all__ = ["Listeners"]
