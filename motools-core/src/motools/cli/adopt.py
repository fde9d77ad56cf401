"""`motools adopt`: take over a run or job that was paid for by other means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from motools.cli.assignments import RULE, assignments
from motools.cli.output import put, put_json, say
from motools.cli.records import as_dict, short
from motools.cli.requests import RESERVED
from motools.cli.waiting import finish
from motools.errors import UsageError

if TYPE_CHECKING:
    from motools.cache.base import Record


@click.command("adopt", epilog=RULE)
@click.argument("remote_id")
@click.option("-b", "--backend", required=True, metavar="NAME", help="Whose it is; see `motools backends`.")
@click.option("--data", metavar="PATH", help="The dataset that it was trained on.")
@click.option("--model", metavar="M", help="The base model that it was trained from; of an evaluation, the model.")
@assignments("-p", "--hyperparameter", "settings", help_text="A hyperparameter, or a keyword of an evaluation.")
@click.option("--suffix", metavar="TEXT", help="The suffix that it was trained with.")
@click.option(
    "--task", "tasks", multiple=True, metavar="TASK", help="A task of the evaluation. May be given many times."
)
@click.option("--kind", type=click.Choice(["training", "eval"]), help="What it is; a training, unless --task is given.")
@click.option("--replicate", type=click.IntRange(min=0), default=0, metavar="N", help="Record it as draw N.")
@assignments("-o", "--option", "options", help_text="An option of the backend.")
@click.option("--label", metavar="TEXT", help="A name to find it by.")
@click.option("--tag", "tags", multiple=True, metavar="TEXT", help="A tag to find it by. May be given many times.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def adopt_command(*, as_json: bool, **given: Any) -> None:
    """Record the run or job that the service calls REMOTE_ID, which was not submitted through this record.

    With --data, --model and the settings that it was made with, the same request is a hit from then on. Without them it
    is listed and can be waited for, and no request finds it; they can be given later. What the service says of the job
    must not contradict them. Nothing is submitted.

    JSON fields: those of `motools runs --json`, and is_hit (whether a request finds it).
    """
    is_known = bool(given["data"] or given["tasks"])
    record = finish(_adopted(**given), lambda: "Interrupted.")
    if as_json:
        put_json(as_dict(record) | {"is_hit": is_known})
        return
    say(f"{record.job_id} is recorded as {short(record.key)}: {record.state}{_why(record)}.")
    say(
        "The same request is answered by it from now on."
        if is_known
        else "Without its data and model no request finds it; adopt it again with them, and the same request is a hit."
    )
    put(record.model_id or short(record.key))


def _why(record: Record) -> str:
    return f" ({record.error})" if record.error else ""


async def _adopted(  # noqa: PLR0913  (the options of the command)
    *,
    remote_id: str,
    backend: str,
    data: str | None,
    model: str | None,
    settings: dict[str, Any],
    suffix: str | None,
    tasks: tuple[str, ...],
    kind: str | None,
    options: dict[str, Any],
    replicate: int,
    label: str | None,
    tags: tuple[str, ...],
) -> Record:
    from motools.plugins.registry import get_backend

    kind = kind or ("eval" if tasks else "training")
    if kind == "eval" and (data or suffix):
        raise UsageError("--data and --suffix are of a training; an evaluation has --model and --task.")
    if kind == "training" and tasks:
        raise UsageError("--task is of an evaluation; leave --kind out, or say --kind eval.")
    for option in RESERVED:
        if option in options:
            raise UsageError(f"-o {option}=… is no option of a backend; set it in motools.toml, or see --help.")
    made = get_backend(backend, kind=kind, **options)
    layer = cache_layer(made)
    asked: dict[str, Any] = {"replicate": replicate, "label": label, "tags": tags}
    try:
        if kind == "eval":
            suite = tasks[0] if len(tasks) == 1 else list(tasks) or None
            found = await layer.adopt(remote_id, model, suite, **settings, **asked)
        else:
            found = await layer.adopt(remote_id, data, model, settings or None, suffix, **asked)
    finally:
        await made.aclose()
    record: Record = found.record
    return record


def cache_layer(backend: Any) -> Any:
    """Return the layer of a backend that keeps the record. Raises `UsageError` where there is none."""
    from motools.cache.asking import cached_in

    found = cached_in(backend)
    if found is None:
        raise UsageError(f"The backend {backend.name!r} is configured without a record of paid work.")
    return found


__all__ = ["adopt_command", "cache_layer"]
