"""Big files, sent in parts: created, filled, completed or cancelled within an hour."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fake_openai.errors import invalid, no_upload
from fake_openai.shelf import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fake_openai.accounts import Account
    from fake_openai.clock import Clock
    from fake_openai.files import Files, StoredFile

LIFETIME = 3600.0


@dataclass(kw_only=True)
class Upload:
    """One upload and the parts that have arrived."""

    id: str
    account: Account
    size: int
    filename: str
    purpose: str
    created_at: float
    parts: dict[str, bytes] = field(default_factory=dict)
    file: StoredFile | None = None
    is_cancelled: bool = False

    def status(self, now: float) -> str:
        if self.file is not None:
            return "completed"
        if self.is_cancelled:
            return "cancelled"
        return "pending" if now < self.created_at + LIFETIME else "expired"

    def payload(self, now: float) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "upload",
            "bytes": self.size,
            "created_at": int(self.created_at),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": self.status(now),
            "expires_at": int(self.created_at + LIFETIME),
            **({} if self.file is None else {"file": self.file.payload(now)}),
        }


class Uploads:
    """Every account's uploads."""

    def __init__(self, clock: Clock, files: Files) -> None:
        self._clock = clock
        self._files = files
        self._uploads: dict[str, Upload] = {}

    def create(self, account: Account, asked: Mapping[str, Any]) -> Upload:
        for name in ("bytes", "filename", "mime_type", "purpose"):
            if not asked.get(name):
                raise invalid(f"Missing required parameter: '{name}'.", name)
        upload = Upload(
            id=new_id("upload_"),
            account=account,
            size=asked["bytes"],
            filename=asked["filename"],
            purpose=asked["purpose"],
            created_at=self._clock.now(),
        )
        self._uploads[upload.id] = upload
        return upload

    def add_part(self, account: Account, upload_id: str, content: bytes) -> dict[str, Any]:
        upload = self._pending(account, upload_id)
        part_id = new_id("part_")
        upload.parts[part_id] = content
        return {
            "id": part_id,
            "object": "upload.part",
            "created_at": int(self._clock.now()),
            "upload_id": upload_id,
        }

    def complete(self, account: Account, upload_id: str, part_ids: list[str], md5: str | None) -> Upload:
        upload = self._pending(account, upload_id)
        if unknown := [part_id for part_id in part_ids if part_id not in upload.parts]:
            raise invalid(f"No such part of {upload_id}: {unknown[0]}", "part_ids")
        content = b"".join(upload.parts[part_id] for part_id in part_ids)
        if len(content) != upload.size:
            raise invalid(f"The upload was to have {upload.size} bytes, and its parts have {len(content)}.", "part_ids")
        if md5 is not None and md5 != hashlib.md5(content, usedforsecurity=False).hexdigest():
            raise invalid("The checksum does not match what was uploaded.", "md5")
        upload.file = self._files.add(account, content, filename=upload.filename, purpose=upload.purpose)
        return upload

    def cancel(self, account: Account, upload_id: str) -> Upload:
        upload = self._pending(account, upload_id)
        upload.is_cancelled = True
        return upload

    def _pending(self, account: Account, upload_id: str) -> Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.account != account:
            raise no_upload(upload_id)
        if (status := upload.status(self._clock.now())) != "pending":
            raise invalid(f"Upload {upload_id} is {status}, and takes nothing more.", "upload_id")
        return upload
