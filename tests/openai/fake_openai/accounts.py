"""Who asks: a key lets in, an organisation and a project say what is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fake_openai.errors import no_key, wrong_key
from fake_openai.switches import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Account:
    """Files, jobs and trained models of one account are invisible to every other."""

    organization: str = "org-default"
    project: str = PROJECT

    @classmethod
    def of(cls, headers: Mapping[str, str], keys: Mapping[str, str]) -> Account:
        """Return the account that a request is for; raise ApiError unless its key is known."""
        key = headers.get("api-key") or headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not key:
            raise no_key()
        if key not in keys:
            raise wrong_key(key)
        return cls(
            organization=headers.get("openai-organization") or cls.organization,
            project=headers.get("openai-project") or keys[key],
        )
