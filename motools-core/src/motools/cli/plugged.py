"""The commands that plugins bring, beside ours: listed by name from metadata, imported when they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.cli.lazy import LazyGroup, Session, with_debug
from motools.errors import ConfigError
from motools.plugins.catalogue import catalogue

if TYPE_CHECKING:
    import click

    from motools.plugins.origin import Offer


class PluggedGroup(LazyGroup):
    """A group of our commands and then those of the `motools.commands.v1` group, none of which can replace one of ours."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *(offer.name for offer in _offers() if offer.status == "ok")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (ours := super().get_command(ctx, cmd_name)) is not None:
            return ours
        offer = catalogue().plugin(cmd_name, "commands")
        if offer is None:
            return None
        from motools.plugins.commands import load_command

        command = load_command(offer)
        if (session := ctx.find_object(Session)) is not None:
            session.is_ours = False
        return with_debug(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_commands(ctx, formatter)
        try:
            rows = [(offer.name, _words(offer)) for offer in _offers()]
        except ConfigError:
            rows = [("…", "not listed: the configuration cannot be read")]
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(rows)


def _offers() -> list[Offer]:
    """Return the commands of plugins that there are to show: not what is switched off, and none of our names."""
    from motools.plugins.origin import OWN_COMMANDS

    found = [each for each in catalogue().of("commands") if each.status != "disabled" and each.name not in OWN_COMMANDS]
    return sorted(found, key=lambda offer: (offer.name, offer.distribution))


def _words(offer: Offer) -> str:
    reason = "" if offer.status == "ok" else f" ({offer.status}: `motools plugins` says why)"
    return f"of {offer.origin}{reason}"


__all__ = ["PluggedGroup"]
