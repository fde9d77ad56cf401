"""What a run has at the service, asked of the service: its states, and its model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from motools import Checkpoint
from motools.detached import read_rows
from motools.errors import MotoolsError, ServiceUnavailable, UsageError
from motools_tinker import keys
from motools_tinker.problems import is_gone, judge
from motools_tinker.spec import METRICS, STATES
from motools_tinker.states import States, step_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tinker import APIFuture, RestClient

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that the service has to answer a question."""


async def there(directory: Path, base_url: str | None, api_key: str | None) -> list[Checkpoint]:
    """Return all that the service has of a run, in the order of the steps."""
    states = States(directory / STATES)
    measured = {row["step"]: row for row in read_rows(directory / METRICS)}
    rest = await client(base_url, api_key)
    found = [each for run in states.clients for each in await asyncio.to_thread(_of_run, rest, run)]
    known = {each.path: each for each in states.saved}
    listed = []
    for each in found:
        ours = known.get(each.tinker_path)
        step = ours.step if ours else step_of(each.tinker_path) or 0
        expires = each.expires_at.timestamp() if each.expires_at else ours.expires_at if ours else None
        row = measured.get(step, {})
        listed.append(
            Checkpoint(
                id=each.tinker_path,
                step=step,
                model_id=each.tinker_path if each.checkpoint_type == "sampler" else None,
                created_at=each.time.timestamp(),
                expires_at=expires,
                metrics={name: row[name] for name in ("loss", "validation_loss") if name in row},
            )
        )
    return sorted(listed, key=lambda each: (each.step, each.model_id is not None))


async def delete(directory: Path, checkpoint_id: str, base_url: str | None, api_key: str | None) -> None:
    """Delete one of those at the service. Raises `UsageError` where the run has no such."""
    if checkpoint_id not in {each.id for each in await there(directory, base_url, api_key)}:
        raise UsageError(f"The run {directory.name!r} has no checkpoint {checkpoint_id!r} at the service.")
    rest = await client(base_url, api_key)
    await asked(lambda: rest.delete_checkpoint_from_tinker_path(checkpoint_id))


async def has_model(model_id: str, base_url: str | None, api_key: str | None) -> bool:
    """Ask whether there are weights at a path."""
    run, slash, _ = model_id.removeprefix("tinker://").partition("/")
    if not model_id.startswith("tinker://") or not slash:
        return False
    rest = await client(base_url, api_key)
    try:
        listed = await asked(lambda: rest.list_checkpoints(run))
    except Missing:
        return False
    return model_id in {each.tinker_path for each in listed.checkpoints}


class Missing(MotoolsError):
    """The service does not have what was asked for."""


async def client(base_url: str | None, api_key: str | None) -> RestClient:
    """Return a client for questions. Raises `MotoolsError` that says what is missing, or that nobody answers."""

    def make() -> RestClient:
        import tinker

        rest = tinker.RestClient(base_url=base_url, api_key=api_key)
        rest.get_server_capabilities().result(PATIENCE)
        return rest

    return await _in_time(make)


async def asked(question: Callable[[], APIFuture[T]]) -> T:
    """Return the answer to a question. Raises `Missing`, or `MotoolsError` that says what is the matter."""
    return await _in_time(lambda: question().result(PATIENCE))


async def _in_time(function: Callable[[], T]) -> T:
    from motools_tinker.waiting import beside

    future = asyncio.wrap_future(beside(function))
    try:
        return await asyncio.wait_for(future, PATIENCE)
    except TimeoutError as error:
        raise ServiceUnavailable(f"The service has not answered for {PATIENCE:.0f} s. Try again later.") from error
    except Exception as error:
        if is_gone(error):
            raise Missing("The service does not have it (any more).") from error
        raise MotoolsError(str(judge(error))) from error


def _of_run(rest: RestClient, run: str) -> Sequence[Any]:
    """Return the checkpoints of one training run, which the service may have forgotten."""
    try:
        return rest.list_checkpoints(run).result(PATIENCE).checkpoints
    except Exception as error:
        if is_gone(error):
            return ()
        raise MotoolsError(f"{judge(error)} {keys.ADVICE}") from error


__all__ = ["Missing", "asked", "client", "delete", "has_model", "there"]
