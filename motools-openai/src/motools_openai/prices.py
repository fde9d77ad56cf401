"""What a training token costs: from the dated list of this package (`prices.toml`), or from what the user says.

A price that nobody has given is unknown, and never nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from motools.errors import SettingError
from motools_openai.families import base_of, family_of

if TYPE_CHECKING:
    from os import PathLike

TABLE = "usd_per_million_tokens"
"""The table of a file of prices."""
HOST = "api.openai.com"
"""Whose prices the list of this package holds."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What training costs: US dollars for a million tokens, and who says so."""

    usd_per_million_tokens: float
    source: str

    def of(self, tokens: int) -> float:
        """Return what so many tokens cost."""
        return tokens * self.usd_per_million_tokens / 1_000_000


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices by the name of a model or of its family: those given, and for the rest those of this package."""

    given: Mapping[str, Price]
    has_list: bool
    """Whether the list of this package holds as well; it is read when it is first needed."""

    def of(self, model: str) -> Price | None:
        """Return what training on a model costs: by its own name, by that of its base, or by that of its family."""
        known = {**_shipped(), **self.given} if self.has_list else self.given
        names = (model, base_of(model), family_of(model))
        return next((known[name] for name in names if name in known), None)


def prices_for(given: str | PathLike[str] | Mapping[str, Any] | None, base_url: str | None = None) -> Prices:
    """Return the prices that hold: those given, a file or a mapping of name to price, and for the rest those of OpenAI.

    OpenAI's hold for OpenAI alone: of a server at another `base_url` only those prices are known that are given. A path
    is taken from the working directory. Raises `SettingError` for what is no list of prices.
    """
    if given is None:
        known: Mapping[str, Price] = {}
    elif isinstance(given, Mapping):
        known = _checked(given, "the option 'prices'", "the option 'prices'")
    else:
        known = _read(Path(given).expanduser())
    return Prices(given=known, has_list=_is_openai(base_url))


def price_noted(usd_per_million_tokens: Any, model: str) -> Prices:
    """Return the prices of a job that was noted with what its model cost when it was submitted; None is not known."""
    if not isinstance(usd_per_million_tokens, (int, float)):
        return Prices(given={}, has_list=False)
    price = Price(usd_per_million_tokens=usd_per_million_tokens, source="noted when it was submitted")
    return Prices(given={model: price}, has_list=False)


def _is_openai(base_url: str | None) -> bool:
    return base_url is None or urlsplit(base_url).hostname == HOST


@cache
def _shipped() -> Mapping[str, Price]:
    import tomllib
    from importlib import resources

    text = resources.files("motools_openai").joinpath("prices.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    return _checked(content[TABLE], f"{content['source']}, as of {content['date']}", "prices.toml")


def _read(path: Path) -> dict[str, Price]:
    import tomllib

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{path}: the prices cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise SettingError(f"{path}: the prices are not valid TOML: {error}.") from error
    if not isinstance(content.get(TABLE), dict):
        raise SettingError(f'{path}: has no table [{TABLE}] with lines like "gpt-4.1-mini" = 5.0.')
    date = f", as of {content['date']}" if "date" in content else ""
    return _checked(content[TABLE], f"{path}{date}", str(path))


def _checked(table: Mapping[str, Any], source: str, where: str) -> dict[str, Price]:
    prices = {}
    for name, price in table.items():
        if isinstance(price, Mapping):
            raise SettingError(f'{where}: a name with a dot is quoted: "{name}.{next(iter(price), "")}" = ….')
        if isinstance(price, bool) or not isinstance(price, (int, float)) or not math.isfinite(price) or price < 0:
            raise SettingError(
                f"{where}: the price of {name!r} must be US dollars for a million tokens, not {price!r}."
            )
        prices[name] = Price(usd_per_million_tokens=float(price), source=source)
    return prices


__all__ = ["Price", "Prices", "price_noted", "prices_for"]
