"""`motools runs wait | cancel | logs`: one run or job, by the beginning of its key, its id or its label."""

from __future__ import annotations

import click

from motools.cli.following import Following
from motools.cli.handles import check_power, handle_meant, is_saved
from motools.cli.output import put, put_json, say
from motools.cli.waiting import finish
from motools.evals.base import EvalJob
from motools.status import Capability


@click.command("wait")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def wait_command(*, key: str, as_json: bool) -> None:
    """Wait for a run or job to end, with a progress bar, and print what came of it: a model's id, or metrics.

    KEY may also be a file that --save has written. The exit status is 1 if it failed or was cancelled.

    JSON fields: as those of `motools train --json` and `motools eval --json`.
    """
    following = Following("run")

    async def wait() -> None:
        handle, backend = await handle_meant(key)
        following.save = key if is_saved(key) else None
        await following.note(handle)
        result = await following.wait(handle)
        if as_json:
            measured = {}
            if isinstance(handle, EvalJob):
                measured = {"metrics": result.metrics, "logs": handle.get_log_paths()}
            put_json(following.as_dict(handle, backend) | measured)
        else:
            put(result.summary() if isinstance(handle, EvalJob) else result)

    finish(wait(), following.come_back)


@click.command("cancel")
@click.argument("key")
def cancel_command(*, key: str) -> None:
    """Stop a run or job. One that has ended stays as it is. KEY may also be a file that --save has written."""

    async def cancel() -> None:
        handle, _ = await handle_meant(key)
        if await handle.is_complete():
            say(f"It has ended already: {handle.status}.")
            return
        await handle.cancel()
        await handle.refresh()
        say(f"Asked it to stop: {handle.status}." if str(handle.status) != "cancelled" else "Cancelled.")

    finish(cancel(), lambda: "Interrupted. The request to stop may have been made.")


@click.command("logs")
@click.argument("key")
@click.option("-f", "--follow", is_flag=True, help="Go on until it has ended.")
def logs_command(*, key: str, follow: bool) -> None:
    """Print the log of a run or job. KEY may also be a file that --save has written.

    Where it waits for something (it is paused, or interrupted), --follow says so.
    """

    async def logs() -> None:
        handle, backend = await handle_meant(key)
        check_power(handle, backend, Capability.LOGS)
        if follow and not await handle.is_complete() and handle.progress and handle.progress.message:
            say(f"{str(handle.status).capitalize()}: {handle.progress.message}.")
        async for line in handle.logs(follow=follow):
            put(line)

    finish(logs(), lambda: f"Interrupted. The run goes on. Come back with: motools runs logs --follow {key}")


__all__ = ["cancel_command", "logs_command", "wait_command"]
