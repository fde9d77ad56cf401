"""`motools runs show | wait | cancel | logs`: one run or job, by the beginning of its key, its id or its label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.following import Following
from motools.cli.output import fields, put, put_json, say, when
from motools.cli.records import as_dict, handle_of, open_ledger, the_one
from motools.cli.waiting import finish
from motools.errors import UsageError
from motools.evals.base import EvalJob
from motools.status import Capability

if TYPE_CHECKING:
    from motools.cache.base import Record


@click.command("show")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show_command(*, key: str, as_json: bool) -> None:
    """Show all that is recorded of one run or job.

    JSON fields: those of `motools runs --json`, account, spec (what was asked for, as it is in the key) and, of an
    evaluation that succeeded, metrics.
    """

    async def show() -> None:
        ledger = open_ledger()
        record = await the_one(ledger, key)
        record = await ledger.read(record.key) or record
        if as_json:
            put_json(as_dict(record) | {"account": record.account, "spec": record.spec, "metrics": _metrics(record)})
        else:
            put(_described(record))

    finish(show(), lambda: "Interrupted.")


def _metrics(record: Record) -> Any:
    return None if record.results is None else record.results.get("metrics")


def _described(record: Record) -> str:
    shown = as_dict(record) | {"created_at": when(record.created_at), "updated_at": when(record.updated_at)}
    shown["tags"] = ", ".join(record.tags)
    described = fields({name.replace("_", " "): str(value) for name, value in shown.items() if value})
    asked = json.dumps(record.spec, indent=2, ensure_ascii=False)
    text = f"{described}\n\nasked for {asked}"
    if record.results is not None and record.results.get("metrics") is not None:
        from motools.evals.base import EvalResults

        results = EvalResults(model_id=record.model, metrics=record.results["metrics"])
        text = f"{text}\n\n{results.summary()}"
    return text


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
        handle, backend = await _handle(key, following)
        result = await following.wait(handle)
        is_job = isinstance(handle, EvalJob)
        if as_json:
            measured = {"metrics": result.metrics, "logs": handle.get_log_paths()} if is_job else {}
            put_json(following.as_dict(handle, backend) | measured)
        else:
            put(result.summary() if is_job else result)

    finish(wait(), following.come_back)


def _is_saved(key: str) -> bool:
    return key.endswith(".json") and Path(key).is_file()


async def _handle(key: str, following: Following | None = None) -> tuple[Any, str]:
    """Return the handle that `key` means, which may be a saved one, and its backend's name."""
    if _is_saved(key):
        from motools.files import read_json
        from motools.handles import load_job, load_run

        envelope = await read_json(key, required=("kind", "backend"))
        handle = await (load_run(key) if envelope["kind"] == "training" else load_job(key))
        if following is not None:
            following.save = key
            await following.note(handle)
        return handle, envelope["backend"]
    ledger = open_ledger()
    record = await the_one(ledger, key)
    handle = handle_of(record, ledger)
    if following is not None:
        await following.note(handle)
    return handle, record.backend


@click.command("cancel")
@click.argument("key")
def cancel_command(*, key: str) -> None:
    """Stop a run or job. One that has ended stays as it is. KEY may also be a file that --save has written."""

    async def cancel() -> None:
        handle, _ = await _handle(key)
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
    """Print the log of a run or job. KEY may also be a file that --save has written."""

    async def logs() -> None:
        handle, backend = await _handle(key)
        kind = "eval" if isinstance(handle, EvalJob) else "training"
        _check_has_logs(backend, kind)
        async for line in handle.logs(follow=follow):
            put(line)

    finish(logs(), lambda: "Interrupted. The run goes on.")


def _check_has_logs(backend: str, kind: str) -> None:
    from motools.plugins.saved import backend_class_of

    if Capability.LOGS not in backend_class_of(backend, kind).capabilities:
        raise UsageError(f"The backend {backend!r} has no logs of its runs to show (it does not declare LOGS).")


__all__ = ["cancel_command", "logs_command", "show_command", "wait_command"]
