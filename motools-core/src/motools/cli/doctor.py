"""`motools doctor`: what is wrong here, and what to do about it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from motools.cli.output import put, put_json, say
from motools.doctor import Level, examine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from motools.doctor import Finding


@click.command("doctor")
@click.option("--online", is_flag=True, help="Ask the services whether they answer; nothing is submitted.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds that each plugin may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def doctor_command(*, online: bool, timeout: float, as_json: bool) -> None:
    """Look at versions, keys, the configuration, the record and every plugin, and say what is wrong with them.

    Each problem is told with its remedy. Plugins are imported in processes of their own. Of a key it is said whether it
    is set, and nothing else. Without --online nothing leaves this machine. Nothing is changed. The exit status is 1
    where there are problems.

    JSON fields: problems (their number) and findings (a list of {topic, level, what, remedy}; the level is ok, note or
    problem).
    """
    from motools.cli.waiting import finish

    found = finish(examine(online=online, seconds=timeout), lambda: "Interrupted.")
    problems = [finding for finding in found if finding.level == Level.PROBLEM]
    if as_json:
        put_json({"problems": len(problems), "findings": [finding.as_dict() for finding in found]})
    else:
        put("\n".join(_told(found)))
        say(_summary(len(problems)))
    if problems:
        raise click.exceptions.Exit(1)


def _told(found: Sequence[Finding]) -> Iterable[str]:
    for topic, findings in groupby(found, key=lambda finding: finding.topic):
        yield topic
        for finding in findings:
            yield f"  {finding.level:<8}{finding.what}"
            if finding.remedy:
                yield f"  {'':<8}-> {finding.remedy}"


def _summary(problems: int) -> str:
    return f"{problems} problem{'' if problems == 1 else 's'}." if problems else "Nothing is wrong."


__all__ = ["doctor_command"]
