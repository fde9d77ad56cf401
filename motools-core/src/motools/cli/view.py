"""`motools runs view`: the viewer that an evaluation framework brings."""

from __future__ import annotations

import subprocess

import click

from motools.cli.handles import check_power, handle_meant
from motools.cli.waiting import finish
from motools.errors import UsageError
from motools.evals.base import EvalJob
from motools.status import Capability


@click.command("view", context_settings={"ignore_unknown_options": True})
@click.argument("key")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def view_command(*, key: str, arguments: tuple[str, ...]) -> None:
    """Show the logs of an evaluation as its framework does, until it is interrupted.

    KEY may also be a file that --save has written. ARGUMENTS are passed on to the viewer, such as `--port 7576`.
    """

    async def command() -> list[str]:
        handle, backend = await handle_meant(key)
        check_power(handle, backend, Capability.VIEW)
        if not isinstance(handle, EvalJob):
            raise UsageError(f"{key} is a training: there is a viewer for evaluations alone.")
        return [*await handle.view_command()]

    viewer = [*finish(command(), lambda: "Interrupted."), *arguments]
    try:
        status = subprocess.run(viewer, check=False).returncode
    except KeyboardInterrupt:
        return
    except OSError as error:
        raise UsageError(f"The viewer {viewer[0]} cannot be started: {error.strerror or error}.") from error
    if status:
        raise SystemExit(status)


__all__ = ["view_command"]
