"""Files: sent, processed, listed, deleted, expired."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fake_openai.errors import invalid, no_file, storage_full
from fake_openai.shelf import Shelf, new_id

if TYPE_CHECKING:
    from fake_openai.accounts import Account
    from fake_openai.clock import Clock
    from fake_openai.switches import Switches

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file. `flaw` is what is found wrong with it once it has been processed."""

    id: str
    content: bytes
    filename: str
    purpose: str
    created_at: float
    processed_at: float
    expires_at: float | None = None
    flaw: str | None = None

    def is_there(self, now: float) -> bool:
        return self.expires_at is None or now < self.expires_at

    def status(self, now: float) -> str:
        if now < self.processed_at:
            return "uploaded"
        return "error" if self.flaw else "processed"

    def payload(self, now: float) -> dict[str, Any]:
        status = self.status(now)
        expiry = {} if self.expires_at is None else {"expires_at": int(self.expires_at)}
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.filename,
            "bytes": len(self.content),
            "created_at": int(self.created_at),
            **expiry,
            "status": status,
            "status_details": self.flaw if status == "error" else None,
        }


class Files:
    """Every account's files."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._shelves: defaultdict[Account, Shelf[StoredFile]] = defaultdict(Shelf)

    def add(
        self, account: Account, content: bytes, *, filename: str, purpose: str, lifetime: float | None = None
    ) -> StoredFile:
        """Store what a user has sent."""
        if purpose not in PURPOSES:
            raise invalid(f"'{purpose}' is not one of {list(PURPOSES)} - 'purpose'", "purpose")
        limit = self._switches.storage_bytes
        if limit is not None and self._stored(account.organization) + len(content) > limit:
            raise storage_full()
        now = self._clock.now()
        return self._put(
            account,
            StoredFile(
                id=new_id("file-"),
                content=content,
                filename=filename,
                purpose=purpose,
                created_at=now,
                processed_at=now + self._switches.file_processing,
                expires_at=None if lifetime is None else now + lifetime,
                flaw=self._switches.file_error,
            ),
        )

    def add_results(self, account: Account, file_id: str, content: bytes, *, at: float) -> StoredFile:
        """Store what the service itself has to say about a finished job."""
        results = StoredFile(
            id=file_id,
            content=content,
            filename="step_metrics.csv",
            purpose="fine-tune-results",
            created_at=at,
            processed_at=at,
        )
        return self._put(account, results)

    def get(self, account: Account, file_id: str) -> StoredFile:
        file = self.find(account, file_id)
        if file is None:
            raise no_file(file_id)
        return file

    def find(self, account: Account, file_id: str) -> StoredFile | None:
        file = self._shelves[account].get(file_id)
        return file if file is not None and file.is_there(self._clock.now()) else None

    def delete(self, account: Account, file_id: str) -> None:
        self._shelves[account].remove(self.get(account, file_id).id)

    def page(
        self, account: Account, *, after: str | None, limit: int, newest_first: bool, purpose: str | None
    ) -> tuple[list[StoredFile], bool]:
        now = self._clock.now()
        return self._shelves[account].page(
            after=after,
            limit=limit,
            newest_first=newest_first,
            shown=lambda file: file.is_there(now) and purpose in {None, file.purpose},
        )

    def _put(self, account: Account, file: StoredFile) -> StoredFile:
        self._shelves[account].add(file.id, file)
        return file

    def _stored(self, organization: str) -> int:
        return sum(
            len(file.content)
            for account, shelf in self._shelves.items()
            if account.organization == organization
            for file in shelf
        )
