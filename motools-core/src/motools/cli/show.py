"""`motools runs show`: all that is recorded of one run or job and, while it goes on, how far it is."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import click

from motools.cache.asking import LAYERS
from motools.cache.redact import in_words
from motools.cli.costs import billed, spent
from motools.cli.output import fields, progress_words, put, put_json, say, when
from motools.cli.records import as_dict, handle_of, open_ledger, the_one
from motools.cli.waiting import finish
from motools.evals.base import EvalJob

if TYPE_CHECKING:
    from motools.cache.base import Ledger, Record
    from motools.training.base import TrainingRun

ASKING_SECONDS = 20.0
"""How long a backend has to say how far a run is."""


@click.command("show")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show_command(*, key: str, as_json: bool) -> None:
    """Show all that is recorded of one run or job; its backend is asked how far it is, unless it has ended.

    JSON fields: those of `motools runs --json`, layers (those that it was asked for through, outermost first), account, spec (what was asked for, as it is in the key), metadata (what
    the run says of itself), progress (step, total, loss, eta_seconds and message; null where nothing is known), is_paused,
    ahead (how many wait before it, where it waits for its turn), of an evaluation that succeeded metrics, and of a training
    estimate (what it was expected to cost, as `motools train --dry-run` has it, where that was estimated) and billed
    (trained_tokens and cost, once the service says so).
    """

    async def show() -> None:
        ledger = open_ledger()
        record = await the_one(ledger, key)
        record = await ledger.read(record.key) or record
        handle = handle_of(record, ledger)
        if record.state.is_live:
            await _ask(handle)
            record = getattr(handle, "record", record)
        ahead = await _ahead_of(record, ledger)
        if as_json:
            put_json(_as_json(record, handle) | {"ahead": ahead})
        else:
            put(_described(record, handle, ahead))

    finish(show(), lambda: "Interrupted.")


async def _ahead_of(record: Record, ledger: Ledger) -> int | None:
    """Return how many wait before a request that waits for its turn; None for one that does not."""
    from motools.cache.line import IN_LINE, standing
    from motools.cache.states import State

    if record.state is not State.QUEUED:
        return None
    line = await ledger.records(kind=record.kind, backend=record.backend, state=IN_LINE)
    return standing(line, record, time.time()).ahead


async def _ask(handle: TrainingRun | EvalJob) -> None:
    """Bring a handle up to date; where that does not work, say so: what is recorded is shown all the same."""
    try:
        async with asyncio.timeout(ASKING_SECONDS):
            await handle.refresh()
    except TimeoutError:
        say(f"Its backend did not say within {ASKING_SECONDS:g} s how it stands; this is what is recorded.")
    except Exception as error:  # noqa: BLE001  (whatever a plugin raises, the record is there to be shown)
        say(f"Its backend could not be asked how it stands: {in_words(error)}")


def _as_json(record: Record, handle: TrainingRun | EvalJob) -> dict[str, Any]:
    estimate = getattr(handle, "estimate", None)
    return as_dict(record) | {
        "layers": list(record.details.get(LAYERS, ())),
        "account": record.account,
        "spec": record.spec,
        "metadata": handle.metadata,
        "progress": None if handle.progress is None else handle.progress.as_dict(),
        "is_paused": bool(getattr(handle, "is_paused", False)),
        "metrics": None if record.results is None else record.results.get("metrics"),
        "estimate": None if estimate is None else estimate.as_dict(),
        "billed": billed(handle.metadata),
    }


def _described(record: Record, handle: TrainingRun | EvalJob, ahead: int | None) -> str:
    shown = as_dict(record) | {"created_at": when(record.created_at), "updated_at": when(record.updated_at)}
    shown["tags"] = ", ".join(record.tags)
    shown["layers"] = " > ".join(record.details.get(LAYERS, ()))
    if ahead is not None:
        waits = "waits for its turn" if record.leased_until > time.time() else "has its place, and nobody waits in it"
        shown["in_line"] = f"{waits}; {ahead} before it"
    if handle.progress is not None:
        unit = "samples" if isinstance(handle, EvalJob) else "steps"
        shown["progress"] = " · ".join(progress_words(handle.progress, unit))
    costs = spent(getattr(handle, "estimate", None), handle.metadata)
    described = fields({name.replace("_", " "): str(value) for name, value in shown.items() if value} | costs)
    parts = [described, f"asked for {_json(record.spec)}"]
    if handle.metadata:
        parts.append(f"metadata {_json(dict(handle.metadata))}")
    if record.results is not None and record.results.get("metrics") is not None:
        from motools.evals.base import EvalResults

        parts.append(EvalResults(model_id=record.model, metrics=record.results["metrics"]).summary())
    return "\n\n".join(parts)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


__all__ = ["show_command"]
