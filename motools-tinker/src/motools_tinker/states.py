"""What a run has at the service, as it is known here: written down before it is asked for, and again when it is there.

states.jsonl, appended to by the driver:

    {"client": MODEL, "step": 0, "from": null}                      a training client was made, with so many steps in it
    {"saving": PATH, "kind": "state", "step": 20, …}                it was asked for, and may be at the service
    {"saved": PATH, "kind": "state", "step": 20, …}                 it is there, with exactly so many steps in it
    {"gone": PATH}                                                  it was deleted, or had expired

Training goes on from the newest state that was saved. What was asked for and never answered is an orphan: nobody knows
whether it is there, and it is deleted by its name.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from motools.detached import keep_rows, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Kind = Literal["state", "model"]
FOLDERS: dict[Kind, str] = {"state": "weights", "model": "sampler_weights"}
"""The part of a path by which the service tells what can be trained on from what can be asked."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """Something that a run has at the service."""

    path: str
    kind: Kind
    step: int
    """How many steps are in it."""
    final: bool = False
    expires_at: float | None = None
    saved_at: float | None = None


class States:
    """The record of one run. Only whoever holds the run's lock may write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = read_rows(path)

    def mend(self) -> None:
        """Drop a row that a dying driver left half-written, so that the next one begins a line of its own."""
        self._rows = keep_rows(self._path, lambda _row: True)

    @property
    def clients(self) -> list[str]:
        """The training clients that were made, oldest first: to the service each is a training run."""
        return [row["client"] for row in self._rows if "client" in row]

    @property
    def saved(self) -> list[Saved]:
        """What is there, oldest first."""
        gone = self._gone()
        return [_as_saved(row) for row in self._rows if "saved" in row and row["saved"] not in gone]

    @property
    def resumable(self) -> list[Saved]:
        """The states that training can go on from, the one with the most steps first."""
        return sorted((each for each in self.saved if each.kind == "state"), key=lambda each: each.step, reverse=True)

    @property
    def model(self) -> Saved | None:
        """The trained model, once it is there."""
        return next((each for each in self.saved if each.kind == "model" and each.final), None)

    @property
    def has_saved(self) -> bool:
        """Whether anything was ever saved, be it gone by now or not."""
        return any("saved" in row for row in self._rows)

    def orphans(self) -> list[str]:
        """Return the paths that were asked for and never answered."""
        gone = self._gone()
        return [path for path in self.unanswered() if path not in gone]

    def unanswered(self) -> list[str]:
        """Return the same with those that were looked for and not there: a dead driver's request may have come late."""
        saved = {row["saved"] for row in self._rows if "saved" in row}
        return [row["saving"] for row in self._rows if "saving" in row and row["saving"] not in saved]

    def opened(self, client: str, *, step: int, source: str | None) -> None:
        """Write down that a training client was made."""
        self._append({"client": client, "step": step, "from": source, "time": time.time()})

    def saving(self, client: str, kind: Kind, step: int, label: str) -> str:
        """Write down what is about to be asked for, and return its name, which nothing else has."""
        name = f"{label}-{step:06d}-{uuid4().hex[:8]}"
        path = f"tinker://{client}/{FOLDERS[kind]}/{name}"
        self._append({"saving": path, "kind": kind, "step": step})
        return name

    def is_there(self, saved: Saved) -> None:
        """Write down that something is at the service."""
        row = {"saved": saved.path, "kind": saved.kind, "step": saved.step, "final": saved.final}
        self._append(row | {"expires_at": saved.expires_at, "time": saved.saved_at}, durable=True)

    def is_gone(self, paths: Iterable[str]) -> None:
        """Write down that something is no longer at the service."""
        for path in paths:
            self._append({"gone": path})

    def _gone(self) -> set[str]:
        return {row["gone"] for row in self._rows if "gone" in row}

    def _append(self, row: Mapping[str, Any], *, durable: bool = False) -> None:
        self._rows.append(dict(row))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(row).encode() + b"\n")
            if durable:
                file.flush()
                os.fsync(file.fileno())


def step_of(path: str) -> int | None:
    """Return how many steps are in something that a run named, by its name; None for other names."""
    parts = path.rsplit("/", 1)[-1].split("-")
    return int(parts[-2]) if len(parts) > 2 and parts[-2].isdigit() else None  # noqa: PLR2004  (label, step, digits)


def _as_saved(row: Mapping[str, Any]) -> Saved:
    return Saved(
        path=row["saved"],
        kind=row["kind"],
        step=row["step"],
        final=row.get("final", False),
        expires_at=row.get("expires_at"),
        saved_at=row.get("time"),
    )


__all__ = ["FOLDERS", "Kind", "Saved", "States", "step_of"]
