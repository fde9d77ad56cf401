"""Under which ids an account holds files, by what is in them: what was uploaded once is not uploaded again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from motools.cache.base import CacheBackend
from motools.cache.memory import PlainLedger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from motools.cache.base import Ledger


class LedgerUploads:
    """The `Uploads` of one account, kept in a ledger's store; in memory where the store keeps none."""

    def __init__(self, ledger: Ledger, account: Mapping[str, Any]) -> None:
        store = ledger.store if isinstance(ledger, PlainLedger) else ledger
        self._store = store if isinstance(store, CacheBackend) else None
        self._account = json.dumps(account, sort_keys=True, separators=(",", ":"))
        self._here: dict[str, str] = {}

    async def get(self, digest: str) -> str | None:
        if self._store is None:
            return self._here.get(digest)
        return await self._store.get_file_id(digest, self._account) or None

    async def remember(self, digest: str, file_id: str) -> None:
        self._here[digest] = file_id
        if self._store is not None:
            await self._store.set_file_id(digest, self._account, file_id)

    async def forget(self, digest: str) -> None:
        self._here.pop(digest, None)
        if self._store is not None:
            await self._store.set_file_id(digest, self._account, "")  # a store has no way to delete one


__all__ = ["LedgerUploads"]
