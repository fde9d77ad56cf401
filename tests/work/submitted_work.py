"""What a contract suite sees of work that is submitted as a directory on this machine."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class SubmittedWork:
    """Fixtures of a contract; inherit it before the contract."""

    below_home: ClassVar[str]
    """Where the directories are, below `MOTOOLS_HOME`."""

    @pytest.fixture
    def bill(self, motools_home: Path) -> Callable[[], list[Path]]:
        """List the directories: what is submitted is one of them."""
        return lambda: [path.parent for path in (motools_home / self.below_home).glob("[!.]*/spec.json")]

    @pytest.fixture
    def received(self, bill: Callable[[], list[Path]]) -> Callable[[], Any]:
        """Return what the latest was told."""
        return lambda: json.loads((max(bill(), key=os.path.getctime) / "spec.json").read_text())

    @pytest.fixture
    def uploaded(self, bill: Callable[[], list[Path]]) -> Callable[[], bytes]:
        """Return the data that lie in the latest."""

        def uploaded() -> bytes:
            return (max(bill(), key=os.path.getctime) / "data.jsonl").read_bytes()

        return uploaded
