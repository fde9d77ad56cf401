"""Writes each event to history.jsonl in MOTOOLS_HOME: a plain function, which may block."""

import json
from dataclasses import asdict
from pathlib import Path

from motools import RunEvent, hookimpl
from motools.config import home


def history() -> Path:
    """Return the file that the history is in."""
    return home() / "history.jsonl"


@hookimpl
def motools_run_event(event: RunEvent) -> None:
    """Add a line of JSON."""
    line = json.dumps(asdict(event)) + "\n"
    with history().open("a", encoding="utf-8") as file:
        file.write(line)
