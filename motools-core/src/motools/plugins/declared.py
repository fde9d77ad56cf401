"""Whether what a distribution's metadata declare is true: the motools-core that it requires, and the plugin API that it is for."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import motools
from motools.plugins.origin import API_MAJOR
from motools.plugins.requirements import release, requirement
from motools.plugins.rules import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from motools.plugins.origin import Offer

CORE = "motools-core"


def declared(offer: Offer) -> Iterator[Finding]:
    """Yield what is wrong with the requirement of an offer's distribution on motools-core."""
    if not offer.distribution or offer.distribution == CORE:
        return
    lines = metadata.PathDistribution(Path(offer.location)).requires or ()
    wanted = [each for line in lines if (each := requirement(line)) and each.name == CORE and not each.is_conditional]
    if not wanted:
        yield Finding(rule="core", what=f"does not require {CORE}, and is declared for v{API_MAJOR} of its plugin API")
    major, *_ = release(motools.__version__) or (0,)
    for each in wanted:
        if not each.allows(motools.__version__):
            yield Finding(
                rule="core",
                what=f"requires {CORE}{each.specifier}, and is declared for v{API_MAJOR} of the plugin API, which this "
                f"{CORE} {motools.__version__} speaks",
            )
        elif each.allows(f"{major + 1}.0.0"):
            yield Finding(rule="bound", what=f"requires {CORE}{each.specifier}, which {major + 1}.0 would meet")


__all__ = ["declared"]
