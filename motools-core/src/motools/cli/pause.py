"""`motools runs pause | resume`: hold a run, and let it go on."""

from __future__ import annotations

import click

from motools.cli.handles import handle_meant, run_with
from motools.cli.output import say
from motools.cli.waiting import finish
from motools.status import Capability
from motools.training.base import TrainingRun


@click.command("pause")
@click.argument("key")
def pause_command(*, key: str) -> None:
    """Hold a run until `motools runs resume`. One that has ended stays as it is.

    KEY may also be a file that --save has written.
    """

    async def pause() -> None:
        run = await run_with(Capability.PAUSE, key)
        if await run.is_complete():
            say(f"It has ended already: {run.status}.")
            return
        await run.pause()
        await run.refresh()
        say("Paused." if run.is_paused else f"Asked it to pause: {run.status}.")

    finish(pause(), lambda: "Interrupted. The request to pause may have been made.")


@click.command("resume")
@click.argument("key")
def resume_command(*, key: str) -> None:
    """Let a run go on that was paused, or take up work that was interrupted: it is said which.

    KEY may also be a file that --save has written. `motools runs wait` takes up interrupted work too, and waits for it.
    """

    async def resume() -> None:
        handle, _ = await handle_meant(key)
        if await handle.is_complete():
            say(f"It has ended already: {handle.status}.")
            return
        await handle.refresh()
        if isinstance(handle, TrainingRun) and handle.is_paused:
            await handle.unpause()
            say("It was paused, and goes on.")
        elif await handle.resume():
            say("It had been interrupted, and goes on.")
        else:
            say(f"There is nothing to resume: it is {handle.status}, and neither paused nor interrupted.")

    finish(resume(), lambda: "Interrupted. The request to go on may have been made.")


__all__ = ["pause_command", "resume_command"]
