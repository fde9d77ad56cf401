"""What a command says: results, tables and JSON on stdout; words for people on stderr.

What stdout carries can be piped and parsed. A reader that goes away (`motools runs | head -1`) ends the command quietly.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from typing import IO, TYPE_CHECKING, Any, NoReturn, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from motools.status import Progress

NARROWEST = 8
"""Characters below which no column of a table is squeezed."""
GAP = "  "
PATIENCE = 2.0
"""Seconds that threads may take to end before they are told of."""


_results: IO[str] | None = None
"""Where results go while stdout is kept for them; None for stdout."""
_words: IO[str] | None = None
"""Where words for people go; None for stderr."""


@contextlib.contextmanager
def own_streams() -> Iterator[None]:
    """Print to stdout and stderr as they are now while the body runs, whatever plugins close or put in their places."""
    global _results, _words  # noqa: PLW0603  (a process has one of each)
    found = sys.stdout, sys.stderr
    with contextlib.ExitStack() as stack:
        _results, _words = (_twin(stream, stack) for stream in found)
        try:
            yield
        finally:
            _results = _words = None
            sys.stdout, sys.stderr = found  # which are flushed in the end, and others may not bear that


def _twin(stream: TextIO | None, stack: contextlib.ExitStack) -> IO[str] | None:
    """Return another stream to the same file; None where there is no file, or none that is open."""
    if stream is None:
        return None
    try:
        twin = os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding, errors=stream.errors)
    except (OSError, ValueError):
        return None
    stack.enter_context(contextlib.suppress(OSError))  # what could not be written was told when it was tried
    return stack.enter_context(twin)


def tell_of_threads() -> None:
    """Have it said what this process waits for before it ends, where plugins have left threads running that are no daemons."""
    import threading

    def left() -> list[str]:
        threads = (each for each in threading.enumerate() if each is not threading.main_thread())
        return [repr(each.name) for each in threads if not each.daemon]

    def tell() -> None:
        time.sleep(PATIENCE)
        if names := left():
            what = f"the thread {names[0]}" if len(names) == 1 else f"the threads {', '.join(names)}"
            words = f"Waiting for {what}, which a plugin has left running. Ctrl-C leaves without.\n"
            os.write(2, words.encode())  # by now the streams are being put away

    if left():
        with contextlib.suppress(RuntimeError):  # no thread is to be had
            threading.Thread(target=tell, daemon=True).start()


@contextlib.contextmanager
def results_alone() -> Iterator[None]:
    """Keep stdout for what `put` writes while the body runs, and let all else that is printed go to stderr."""
    global _results  # noqa: PLW0603  (there is one stdout)
    before, _results = _results, _results or sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _results = before


def put(text: str) -> None:
    """Write a line (or several) to stdout."""
    try:
        click.echo(text, file=_results)
    except BrokenPipeError:
        _reader_left()


def put_json(value: Any) -> None:
    """Write a value to stdout as JSON that every reader takes: ASCII, and null where a number is not finite."""
    import json

    put(json.dumps(_plain(value), indent=2, allow_nan=False))


def say(text: str) -> None:
    """Tell the person at the terminal something, on stderr."""
    # Nobody to hear it is no reason to stop.
    with contextlib.suppress(BrokenPipeError):
        click.echo(text, file=_words, err=True)


def say_refusal(error: click.ClickException) -> None:
    """Say what click says of a command line that it does not take."""
    with contextlib.suppress(BrokenPipeError):
        error.show(_words)


def _reader_left() -> NoReturn:
    """End quietly: what is left in the buffer must not be complained about at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (_results or sys.stdout).fileno())
    raise click.exceptions.Exit(0)


def _plain(value: Any) -> Any:
    from collections.abc import Mapping, Sequence

    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows under headings; on a terminal that is too narrow the widest columns are folded.

    On one that is too narrow even for that, each row becomes a paragraph of its own.
    """
    body = [[*map(str, row)] for row in rows]
    cells = [[*headings], *body]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    if (_results or sys.stdout).isatty():
        import shutil

        room = shutil.get_terminal_size().columns
        widths = _squeezed(widths, room - len(GAP) * (len(widths) - 1))
        if sum(widths) + len(GAP) * (len(widths) - 1) > room:
            return "\n\n".join(fields(dict(zip(headings, row, strict=True))) for row in body)
    return "\n".join(line for row in cells for line in _folded(row, widths))


def fields(values: Mapping[str, str]) -> str:
    """Return names and values, one a line, the values under each other."""
    width = max(map(len, values))
    return "\n".join(f"{name:<{width}}{GAP}{value}" for name, value in values.items())


def _squeezed(widths: list[int], room: int) -> list[int]:
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _folded(row: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    columns = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, columns))):
        parts = [column[number] if number < len(column) else "" for column in columns]
        yield GAP.join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)).rstrip()


def _wrapped(cell: str, width: int) -> list[str]:
    if len(cell) <= width:
        return [cell]
    from textwrap import wrap

    return wrap(cell, width, break_on_hyphens=False)


def brief(text: str, longest: int) -> str:
    """Return a text on one line, with its beginning only where it is longer than so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def when(seconds: float | None) -> str:
    """Return a time since the epoch as local time for people, or "" for none."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def when_exactly(seconds: float | None) -> str | None:
    """Return a time since the epoch as ISO 8601 in UTC for programs, or None for none."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def of_when(seconds: float) -> str:
    """Return " of" and a time for people, or "" for the 0 of a store that keeps no times."""
    return f" of {when(seconds)}" if seconds else ""


def number(value: object) -> str:
    """Return a value of a table: six digits of a broken number, "" for none."""
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def progress_words(progress: Progress, unit: str) -> list[str]:
    """Return what there is to say of how far a run or job is, in short: steps, loss, time left, a message."""
    words = [f"{progress.step}/{progress.total} {unit}".strip()] if progress.total else []
    if progress.loss is not None and progress.step:
        words.append(f"loss {progress.loss:.3f}")
    if progress.eta_seconds:
        words.append(f"{duration(progress.eta_seconds)} left")
    if progress.message:
        words.append(progress.message)
    return words


def duration(seconds: float) -> str:
    """Return a number of seconds as `42 s`, `3 min 20 s` or `2 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


__all__ = [
    "brief",
    "duration",
    "fields",
    "number",
    "of_when",
    "own_streams",
    "progress_words",
    "put",
    "put_json",
    "results_alone",
    "say",
    "say_refusal",
    "table",
    "tell_of_threads",
    "when",
    "when_exactly",
]
