"""The options that `train` and `eval` share."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.assignments import assignments
from motools.cli.lazy import about
from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OPTIONS_OF_THEIR_OWN = (
    "dataset", "model", "hyperparameters", "suffix", "label", "tags", "replicate", "refresh", "retry_failed",
)  # fmt: skip
"""Keywords of `train` that the command line has options for, or arguments."""
RESERVED = ("name", "kind", "cache", "middleware")
"""What `get_backend` takes besides the options of the backend."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the options that `train` and `eval` share say."""

    backend: str
    options: Mapping[str, Any]
    label: str | None
    tag: tuple[str, ...]
    replicate: int
    refresh: bool
    retry_failed: bool
    no_cache: bool
    middleware: str | None
    no_wait: bool
    save: str | None
    as_json: bool
    began: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        about(f"backend {self.backend!r}")
        for option in RESERVED:
            if option in self.options:
                raise UsageError(f"-o {option}=… is no option of a backend; set it in motools.toml, or see --help.")
        layers = self.layers()
        if self.keywords() and (self.no_cache or (layers is not None and "cache" not in layers)):
            option = next(iter(self.keywords())).replace("_", "-").replace("tags", "tag")
            why = "which --no-cache switches off" if self.no_cache else "and the layers of --middleware keep none"
            raise UsageError(f"--{option} is about the record of paid work, {why}.")
        if self.save is not None:
            check_writable(self.save)

    def layers(self) -> list[str] | None:
        """Return the layers that are listed, None where the option is not given."""
        if not self.middleware:
            return None if self.middleware is None else []
        names = [name.strip() for name in self.middleware.split(",")]
        if not all(names):
            raise UsageError(
                f"--middleware {self.middleware}: names no layer between two commas. List them as in cache,validate."
            )
        return names

    def keywords(self) -> dict[str, Any]:
        """Return the keywords of the cache that were given."""
        given = {
            "label": self.label,
            "tags": list(self.tag),
            "replicate": self.replicate,
            "refresh": self.refresh,
            "retry_failed": self.retry_failed,
        }
        return {name: value for name, value in given.items() if value}

    def backend_keywords(self) -> dict[str, Any]:
        """Return what `get_backend` is given besides the name."""
        chosen: dict[str, Any] = {"cache": None} if self.no_cache else {}
        if (layers := self.layers()) is not None:
            chosen["middleware"] = layers
        return dict(self.options) | chosen


def request_options(command: Callable[..., None]) -> Callable[..., None]:
    """Declare the options that `Request` holds."""
    options: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
        click.option("-b", "--backend", required=True, metavar="NAME", help="The backend; see `motools backends`."),
        assignments("-o", "--option", "options", help_text="An option of the backend."),
        click.option("--label", metavar="TEXT", help="A name to find it by; not part of what is asked for."),
        click.option("--tag", multiple=True, metavar="TEXT", help="A tag to find it by. May be given many times."),
        click.option(
            "--replicate",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Another draw of the same request, by a number from 1; without it, draw 0.",
        ),
        click.option("--refresh", is_flag=True, help="Do it again although there is a result."),
        click.option("--retry-failed", is_flag=True, help="Do it again if it failed."),
        click.option("--no-cache", is_flag=True, help="Do it without the record of paid work."),
        click.option("--middleware", metavar="NAME,…", help="Its layers, outermost first, in place of the configured."),
        click.option("--no-wait", is_flag=True, help="Return as soon as it is submitted."),
        click.option("--save", metavar="PATH", help="Write the handle to a JSON file, to be loaded in Python."),
        click.option("--json", "as_json", is_flag=True, help="Print a JSON object."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def check_keywords(keywords: Mapping[str, Any]) -> None:
    """Refuse, as a further keyword of a request, what is said by an option of its own, and what nobody but the record gives."""
    for name in keywords:
        if name in OPTIONS_OF_THEIR_OWN:
            raise UsageError(f"-k {name}=… is said by an option of its own, or as an argument; see --help.")
        if name == "ticket":
            raise UsageError("-k ticket=… is no keyword of yours: the record gives a backend its ticket.")


def check_writable(path: str) -> None:
    """Refuse, before anything is paid for, a file that could not be written afterwards."""
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{path}: is a directory; name a file to write.")
    if not target.parent.is_dir():
        raise UsageError(f"{path}: the directory {target.parent} does not exist.")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"{path}: nothing can be written in the directory {target.parent}.")


__all__ = ["Request", "check_keywords", "check_writable", "request_options"]
