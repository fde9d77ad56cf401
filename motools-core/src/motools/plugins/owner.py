"""The backend that a record belongs to, made ready to look after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.cache.keys import canonical_account
from motools.errors import SettingError, UsageError
from motools.plugins.catalogue import catalogue
from motools.plugins.registry import get_backend
from motools.plugins.saved import backend_class_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from motools.cache.base import Record


def backend_of(record: Record, options: Mapping[str, Any] | None = None) -> Any:
    """Return the backend that submitted a record's work, without layers, as this place configures it.

    Work is looked for in the account that it was submitted to and nowhere else: what is not found in another is no
    proof of anything. Tried are the backend's own table in motools.toml and every alias of it; `options` stand above
    them. Raises `UsageError` where none of them has the record's account, and what `get_backend` raises.
    """
    found = backend_class_of(record.backend, record.kind)
    tried: list[Any] = []
    for name in _names(record.backend, found):
        try:
            backend = get_backend(name, kind=record.kind, middleware=(), **dict(options or {}))
        except SettingError:  # an option that another of its names may have
            if not tried and options:
                raise
            continue
        account = canonical_account(backend.account(), backend.name)
        if account == record.account:
            return backend
        tried.append(account)
    raise UsageError(
        f"It was submitted by backend {record.backend!r} for the account {dict(record.account)!r}; configured "
        f"{'is' if len(tried) == 1 else 'are'} {', '.join(map(repr, tried)) or 'nothing that can be made'}. Give the "
        "options that lead there (-o key=value), or an alias in motools.toml."
    )


def _names(name: str, found: type[Any]) -> Iterator[str | type[Any]]:
    if ":" in name:
        yield found
        return
    yield name
    present = catalogue()
    for alias, table in present.settings.backends.items():
        if "use" in table and alias != name and present.alias(alias)[0] == name:
            yield alias


__all__ = ["backend_of"]
