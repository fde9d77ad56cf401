"""Whose code an error comes out of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from motools.errors import ConfigError
from motools.plugins.catalogue import catalogue
from motools.plugins.loading import split_value
from motools.plugins.origin import RESERVED

if TYPE_CHECKING:
    from types import TracebackType


def origin_of(error: BaseException) -> str:
    """Return the distribution, with its version, whose plugin's code raised an error or called what did; "" for none."""
    try:
        offers = catalogue().offers
    except ConfigError:
        return ""
    origins = {split_value(offer.value)[0].partition(".")[0]: offer.origin for offer in offers}
    found = ""
    step: TracebackType | None = error.__traceback__
    while step is not None:
        package = str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if package != __name__.partition(".")[0]:
            found = origins.get(package, found)
        step = step.tb_next
    return found


def in_use() -> list[str]:
    """Return the distributions of others, with their versions, of which plugins have been imported.

    Any of them may have changed what all share.
    """
    try:
        offers = catalogue().offers
    except ConfigError:
        return []
    imported = (offer for offer in offers if split_value(offer.value)[0] in sys.modules)
    return sorted({offer.origin for offer in imported if offer.distribution not in RESERVED.values()})


__all__ = ["in_use", "origin_of"]
