"""A click group whose commands are imported when they are called, so that `motools --help` costs next to nothing."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from motools.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping


class Session:
    """What the commands of one call share, and `motools.cli.app` reads afterwards."""

    def __init__(self) -> None:
        self.debug = os.environ.get("MOTOOLS_DEBUG", "") not in {"", "0"}
        self.is_ours = True
        """Whether the command is one of core's, and not a plugin's."""
        self.subject = ""
        """Whose work it is about ("backend 'openai'"), for the message of an error that names nobody."""


def about(subject: str) -> None:
    """Note whose work the present command is about, once that is known."""
    context = click.get_current_context(silent=True)
    session = context.find_object(Session) if context else None
    if session is not None:
        session.subject = subject


def _set_debug(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click calls it)
    if value and (session := context.find_object(Session)):
        session.debug = True


def debug_option() -> click.Option:
    """Return `--debug`, which stands before a command or behind it."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=_set_debug,
        help="Show the traceback of an error (or set MOTOOLS_DEBUG=1).",
    )


class LazyGroup(click.Group):
    """A group that knows its commands by name, one-line description and place: `{"train": (module, description)}`.

    The command `train` is the attribute `train_command` of its module.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy
        self.params.append(debug_option())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _ = self._lazy[cmd_name]
        command: click.Command = getattr(import_module(module), f"{cmd_name}_command")
        return with_debug(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and not name.startswith("-"):
            near = self._in_a_group(ctx, name) or nearest(name, self.list_commands(ctx))
            meant = f" Did you mean {near!r}?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def _in_a_group(self, ctx: click.Context, name: str) -> str | None:
        """Return `cache why` for `why`: what a command is called in full that stands in one of our groups."""
        for each in self._lazy:
            group = LazyGroup.get_command(self, ctx, each)
            if isinstance(group, LazyGroup) and name in group._lazy:
                return f"{each} {name}"
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  (click's signature)
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, description) for name, (_, description) in self._lazy.items()])


def with_debug(command: click.Command) -> click.Command:
    """Give a command `--debug`, once."""
    if not any("--debug" in parameter.opts for parameter in command.params):
        command.params.append(debug_option())
    return command


__all__ = ["LazyGroup", "Session", "about", "debug_option", "with_debug"]
