"""The service's time, which is not always ours."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Unix time that can be moved ahead, run faster, or stand still."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._speed = 1.0
        self._from = self._at = wall()

    def now(self) -> float:
        return self._at + (self._wall() - self._from) * self._speed

    def advance(self, seconds: float) -> None:
        self._at += seconds

    def run_at(self, speed: float) -> None:
        """Let a second take 1/`speed` seconds from now on; at 0 the clock moves only when it is advanced."""
        self._at, self._from, self._speed = self.now(), self._wall(), speed
