"""Whether the order of a chain makes sense.

A layer declares what it must stand inside or outside of, and what it needs:

    class LimitedTrainingBackend(TrainingMiddleware):
        needs = {"cache": "who waits is kept in the record of paid work"}
        inside = {"cache": "a recorded result would wait for a slot that it does not need"}

Each reason is what would happen otherwise, and is told. What nobody declares anything about may stand anywhere, once.
"""

from __future__ import annotations

from motools.errors import SettingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools.middleware.layers import Layer


def check_order(layers: Sequence[Layer]) -> None:
    """Raise `SettingError` for the first thing that makes no sense about layers, of which the first is outermost."""
    names = [layer.name for layer in layers]
    for at, layer in enumerate(layers):
        before, after = names[:at], names[at + 1 :]
        if any(layer.is_again(other) for other in layers[:at]):
            raise SettingError(f"The layer {layer.name!r} is listed twice. Once is enough: every call passes it.")
        for other, reason in layer.rules("inside"):
            if other in after:
                raise _misplaced(layer.name, "outside", other, reason, first=other)
        for other, reason in layer.rules("outside"):
            if other in before:
                raise _misplaced(layer.name, "inside", other, reason, first=layer.name)
        for other, reason in layer.rules("needs"):
            if other not in names:
                raise SettingError(
                    f"The layer {layer.name!r} needs the layer {other!r}: {reason}. List {other!r} before it."
                )


def _misplaced(name: str, where: str, other: str, reason: str, *, first: str) -> SettingError:
    second = other if first == name else name
    return SettingError(
        f"The layer {name!r} stands {where} {other!r}, and so {reason}. List {first!r} before {second!r}."
    )


__all__ = ["check_order"]
