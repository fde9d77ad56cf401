"""`motools train`: train a model, or attach to a training that is there."""

from __future__ import annotations

from typing import Any

import click

from motools.cli.assignments import RULE, assignments
from motools.cli.following import Following
from motools.cli.output import put, put_json
from motools.cli.requests import Request, check_keywords, request_options
from motools.cli.waiting import finish, prepare
from motools.errors import UsageError


@click.command("train", epilog=RULE)
@click.argument("data")
@click.option("--model", required=True, metavar="M", help="The base model, in the backend's words.")
@assignments("-p", "--hyperparameter", "hyperparameters", help_text="A hyperparameter.")
@assignments("-k", "--keyword", "keywords", help_text="A further keyword of the backend's train(), such as seed=1.")
@click.option("--suffix", metavar="TEXT", help="A word for the trained model's name.")
@click.option("--dry-run", is_flag=True, help="Check the data, say what it would cost, and submit nothing.")
@request_options
def train_command(
    *,
    data: str,
    model: str,
    hyperparameters: dict[str, Any],
    keywords: dict[str, Any],
    suffix: str | None,
    dry_run: bool,
    **shared: Any,
) -> None:
    """Train a model on DATA, a file of chat conversations (JSON Lines), and print the trained model's id.

    What was asked for before is not started again: a result is returned, a training under way is attached to. Ctrl-C
    ends the wait, not the training.

    With --dry-run nothing is uploaded or submitted. The exit status is that which the command without it would end with
    before anything is submitted: 2 for bad data or a run above its ceiling, 1 for what failed before.

    JSON fields: those of `motools runs --json`, and recorded (whether the result was there already). Of a dry run:
    backend, dataset, model, would (submit, refuse, hit, attach, fail or look), key, record (those of `motools runs --json`, or
    null), estimate (tokens, cost, currency, examples, epochs, is_exact, assumptions; what is not known is null), ceiling
    and refusal.
    """
    request = Request(**shared)
    check_keywords(keywords)
    if dry_run:
        _foresee(request, data, model, hyperparameters or None, suffix, keywords)
        return
    following = Following("training", request.save)

    async def train() -> None:
        from motools.plugins.registry import get_training_backend

        backend = get_training_backend(request.backend, **request.backend_keywords())
        try:
            run = await following.submit(
                backend.train(data, model, hyperparameters or None, suffix, **keywords, **request.keywords())
            )
            model_id = None if request.no_wait else await following.wait(run)
            if request.as_json:
                put_json(following.as_dict(run, request.backend))
            else:
                put(model_id or following.name)
        finally:
            await backend.aclose()

    finish(train(), following.come_back)


def _foresee(
    request: Request,
    data: str,
    model: str,
    hyperparameters: dict[str, Any] | None,
    suffix: str | None,
    keywords: dict[str, Any],
) -> None:
    from motools.cli.dry_run import Foreseen, Wanted, foresee, show

    if request.save is not None:
        raise UsageError("--save writes the handle of a run, and a dry run has none.")
    wanted = Wanted(
        data=data,
        model=model,
        hyperparameters=hyperparameters,
        suffix=suffix,
        replicate=request.replicate,
        refresh=request.refresh,
        retry_failed=request.retry_failed,
        keywords=keywords,
    )

    async def look() -> Foreseen:
        from motools.plugins.registry import get_training_backend

        backend = get_training_backend(request.backend, **request.backend_keywords())
        try:
            return await prepare(foresee(backend, wanted), "dry run")
        finally:
            await backend.aclose()

    foreseen = finish(look(), lambda: "Interrupted. Nothing was submitted.")
    show(foreseen, wanted, request.backend, as_json=request.as_json)
    if foreseen.refusal is not None:
        raise foreseen.refusal


__all__ = ["train_command"]
