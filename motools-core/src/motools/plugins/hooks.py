"""Telling the listeners, and asking who knows a model: the hook modules of installed plugins.

A hook module is imported when the first hook is called and some entry point of `motools.hooks.v1` names one; pluggy is
imported then, and not before. A module that cannot be used, or a listener that fails, is reported once with the
distribution it came from and breaks nothing else, unless its plugin is listed under `plugins.required`: then its
absence or failure is a `PluginError`.

    chain of layers ── notifier() ──> notify(event) ──> every `motools_run_event`, in order of distribution and name
    an evaluation backend ── resolve_model(model_id, framework) ──> the first `motools_resolve_model` that knows it
"""

from __future__ import annotations

from motools.errors import PluginBroken, PluginError, PluginRequired, nearest
from motools.plugins.catalogue import catalogue
from motools.plugins.loading import broken, import_value
from motools.plugins.origin import GROUP_OF
from motools.words import is_a, said, sentence_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pluggy import HookImpl

    from motools.events import Notify, RunEvent
    from motools.models import ModelRef
    from motools.plugins.catalogue import Catalogue
    from motools.plugins.listeners import Listeners
    from motools.plugins.origin import Offer


LISTENER_SECONDS = 10.0
"""How long one listener may take over one event."""

EVENTS, MODELS = "motools_run_event", "motools_resolve_model"


class Hooks:
    """The hook modules that one catalogue offers, imported.

    `problems` are those that cannot be used, as errors.
    """

    def __init__(self, present: Catalogue) -> None:
        import pluggy

        from motools.plugins import hookspecs

        self.catalogue = present
        self.problems: list[PluginError] = []
        self._required = set(present.settings.plugins_required)
        self._offers: dict[str, Offer] = {}
        self._manager = pluggy.PluginManager("motools")
        self._manager.add_hookspecs(hookspecs)
        offers = sorted(present.of("hooks"), key=lambda offer: (offer.distribution, offer.name))
        for offer in reversed(offers):  # pluggy calls what was registered last first
            if offer.status == "disabled":
                continue
            try:
                self._register(offer)
            except PluginError as error:
                self.problems.append(error)
                if offer.name in self._required:
                    raise
                _report(f"{sentence_of(error)} Its hooks are not called.", error)
        self._everybody, self._those_required = self._listeners()

    def _register(self, offer: Offer) -> None:
        """Import one hook module and make its hooks known. Raises `PluginError` and leaves nothing behind."""
        if offer.status != "ok":
            raise offer.error()
        from motools.plugins.hookmodule import faults

        module = import_value(offer)
        label = f"{offer.distribution}:{offer.name}"
        try:
            fault = next(faults(module, self._manager), None)
            if fault is None:
                self._manager.register(module, name=label)
        except KeyboardInterrupt:
            raise
        except (
            BaseException
        ) as error:  # pluggy refuses what it does not understand, and looking may run the plugin's code
            if self._manager.has_plugin(label):
                self._manager.unregister(name=label)
            raise broken(offer, f"its hooks cannot be read: {said(error)}") from error
        if fault is not None:
            raise broken(offer, fault)
        self._offers[label] = offer

    def _listeners(self) -> tuple[Listeners, Listeners]:
        """Return all who listen to events, and those of them whose plugins are required."""
        from motools.plugins.listeners import Listener, Listeners

        found = [
            Listener(each.function, self._offers[each.plugin_name], takes_event="event" in each.argnames)
            for each in self._implementations(EVENTS)
        ]
        everybody = Listeners(found)
        return everybody, Listeners((each for each in found if each.offer.name in self._required), everybody)

    @property
    def has_listeners(self) -> bool:
        """Whether anybody is told of events."""
        return bool(self._everybody)

    async def notify(self, event: RunEvent) -> None:
        """Tell every listener, one after the other, for `LISTENER_SECONDS` each.

        Those who fail are reported. Raises `PluginBroken` for one that is required, when all have been told.
        """
        await self._tell(self._everybody, event)

    async def allow(self, event: RunEvent) -> None:
        """Tell the listeners of required plugins alone; raises `PluginBroken` where one fails."""
        await self._tell(self._those_required, event)

    async def _tell(self, listeners: Listeners, event: RunEvent) -> None:
        problem: PluginError | None = None
        for listener, error in await listeners.tell(event, LISTENER_SECONDS):
            problem = self._failed(listener.offer, EVENTS, error) or problem
        if problem is not None:
            raise problem

    def resolve_model(self, model_id: str, framework: str) -> ModelRef | None:
        """Return the first answer."""
        from motools.models import ModelRef

        for implementation in self._implementations(MODELS):
            error: BaseException
            try:
                answer = _call(implementation, model_id=model_id, framework=framework)
            except KeyboardInterrupt:
                raise
            except BaseException as failure:  # noqa: BLE001  (whoever fails to answer leaves it to the others)
                error = failure
            else:
                if answer is not None and is_a(answer, ModelRef):
                    found: ModelRef = answer
                    return found
                if answer is None:
                    continue
                error = TypeError(f"it returned a {type(answer).__name__}, not a motools.ModelRef")
            if problem := self._failed(self._offers[implementation.plugin_name], MODELS, error):
                raise problem
        return None

    def _implementations(self, hook: str) -> Iterator[HookImpl]:
        implementations: list[HookImpl] = getattr(self._manager.hook, hook).get_hookimpls()
        return reversed(implementations)

    def _failed(self, offer: Offer, hook: str, error: BaseException) -> PluginError | None:
        """Report what came of a hook that failed; return it as an error where its plugin is required."""
        from motools.plugins.listeners import Overdue

        problem = PluginBroken(offer.name, offer.group, offer.origin, f"{hook} raised {said(error)}")
        if offer.name in self._required:
            problem.__cause__ = error
            return problem
        if not isinstance(error, Overdue):  # which was reported when it began
            _report(str(problem), error)
        return None


_current: Hooks | None = None


def present_hooks() -> Hooks | None:
    """Return the hooks of what is installed now, imported; None, and nothing is imported, where there are none.

    Raises `PluginError` where a required plugin is absent or cannot be used.
    """
    present = catalogue()
    check_required(present)
    return _hooks_of(present) if are_offered(present) else None


def _hooks_of(present: Catalogue) -> Hooks:
    global _current  # noqa: PLW0603  (goes with the one cached registry)
    found = _current
    if found is None or found.catalogue is not present:
        found = _current = Hooks(present)
    return found


def are_offered(present: Catalogue) -> bool:
    """Whether anything installed, and not switched off, has hooks."""
    return any(offer.status != "disabled" for offer in present.of("hooks"))


def check_required(present: Catalogue) -> None:
    """Raise `PluginRequired` for a plugin under `plugins.required` that is not installed or may not be used."""
    for name in present.settings.plugins_required:
        offers = [offer for offer in present.of("hooks") if offer.name == name]
        if any(offer.status == "ok" for offer in offers):
            continue
        who = f"{present.settings.origins.get('plugins.required', present.place)} requires the plugin {name!r}"
        if offers:
            first = offers[0]
            raise PluginRequired(name, first.group, first.origin, f"{who} of {first.origin}: {first.reason}")
        installed = sorted({offer.name for offer in present.of("hooks")})
        near = nearest(name, installed)
        meant = f" Did you mean {near!r}?" if near else ""
        reason = f"{who}, and no installed distribution has hooks of that name.{meant} Installed: {', '.join(installed) or 'none'}."
        raise PluginRequired(name, GROUP_OF["hooks"], "", reason)


class Notifier:
    """Tells the listeners that one catalogue offers."""

    def __init__(self, present: Catalogue, loaded: Hooks | None) -> None:
        self._present = present
        self._hooks = loaded

    @property
    def is_idle(self) -> bool:
        """Whether it is known by now that nobody listens, so that whoever has no event yet need not make one."""
        return self._hooks is not None and not self._hooks.has_listeners

    @property
    def allow(self) -> Notify | None:
        """What tells the required plugins, and raises where one fails; None where none is required."""
        return self._loaded().allow if self._present.settings.plugins_required else None

    async def __call__(self, event: RunEvent) -> None:
        await self._loaded().notify(event)

    def _loaded(self) -> Hooks:
        if self._hooks is None:
            self._hooks = _hooks_of(self._present)
        return self._hooks


def notifier() -> Notify | None:
    """Return what the layers call with each event, or None where nobody can be listening.

    Hook modules are imported at the first event: making a backend imports no other plugin. Where the configuration
    requires one, they are imported now, so that its absence or failure is raised before anything is started.
    """
    present = catalogue()
    check_required(present)
    if not are_offered(present):
        return None
    return Notifier(present, _hooks_of(present) if present.settings.plugins_required else None)


async def notify(event: RunEvent) -> None:
    """Tell every listener, in order, awaiting those that are asynchronous. Raises for a required one alone."""
    hooks = present_hooks()
    if hooks is not None:
        await hooks.notify(event)


def resolve_model(model_id: str, framework: str) -> ModelRef | None:
    """Ask the plugins how `framework` reaches a trained model; None where nobody knows."""
    hooks = present_hooks()
    return None if hooks is None else hooks.resolve_model(model_id, framework)


def _call(implementation: HookImpl, **arguments: Any) -> Any:
    """Call one implementation with those of the hook's arguments that it takes."""
    return implementation.function(*[arguments[name] for name in implementation.argnames])


def _report(text: str, error: BaseException) -> None:
    import logging

    logging.getLogger("motools").warning(
        text, exc_info=error if logging.getLogger("motools").isEnabledFor(10) else None
    )


__all__ = ["Hooks", "check_required", "notifier", "notify", "present_hooks", "resolve_model"]
