"""The bar on stderr: how far a run is, its loss, and the time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress as Live, TextColumn

from motools.cli.output import progress_words

if TYPE_CHECKING:
    from types import TracebackType

    from motools.status import Progress

NARROW = 70
"""Characters of a terminal below which the bar makes room for the numbers."""


class Bar:
    """One line that is redrawn while it is entered, and gone afterwards."""

    def __init__(self, title: str, unit: str) -> None:
        console = Console(stderr=True)
        width = 30 if console.width >= NARROW else 8
        self._unit = unit if console.width >= NARROW else ""
        self._live = Live(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=width),
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            transient=True,
            refresh_per_second=4,
        )
        self._task = self._live.add_task(title, total=None, words="")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, status: str, progress: Progress | None) -> None:
        """Show how the run stands."""
        if progress is None:
            self.note(status)
            return
        words = progress_words(progress, self._unit)
        if not progress.total:
            words = [status, *words]
        self._live.update(
            self._task, completed=progress.step, total=progress.total or None, words=" · ".join(words), refresh=True
        )

    def note(self, words: str) -> None:
        """Show words in place of numbers."""
        self._live.update(self._task, words=words, refresh=True)


__all__ = ["Bar"]
