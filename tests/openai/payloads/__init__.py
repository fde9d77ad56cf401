"""What the real service has answered, and what its description gives for examples; README.md has the sources.

payload("observed/job_succeeded_error_is_empty_object") returns a new copy each time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def payload(name: str) -> Any:
    """Return the payload of that name, which is a file's without `.json`."""
    file = HERE / f"{name}.json"
    if not file.is_file():
        raise LookupError(f"There is no payload {name!r}. There are: {', '.join(names())}.")
    return json.loads(file.read_text(encoding="utf-8"))


def names(folder: str = "") -> list[str]:
    """Return the names of all payloads, or of those in a folder."""
    return sorted(str(file.relative_to(HERE).with_suffix("")) for file in (HERE / folder).rglob("*.json"))
