"""`motools train`: train a model, or attach to a training that is there."""

from __future__ import annotations

from typing import Any

import click

from motools.cli.assignments import RULE, assignments
from motools.cli.following import Following
from motools.cli.output import put, put_json
from motools.cli.requests import Request, request_options
from motools.cli.waiting import finish


@click.command("train", epilog=RULE)
@click.argument("data")
@click.option("--model", required=True, metavar="M", help="The base model, in the backend's words.")
@assignments("-p", "--hyperparameter", "hyperparameters", help_text="A hyperparameter.")
@click.option("--suffix", metavar="TEXT", help="A word for the trained model's name.")
@request_options
def train_command(*, data: str, model: str, hyperparameters: dict[str, Any], suffix: str | None, **shared: Any) -> None:
    """Train a model on DATA, a file of chat conversations (JSON Lines), and print the trained model's id.

    What was asked for before is not started again: a result is returned, a training under way is attached to. Ctrl-C
    ends the wait, not the training.

    JSON fields: those of `motools runs --json`, and recorded (whether the result was there already).
    """
    request = Request(**shared)
    following = Following("training", request.save)

    async def train() -> None:
        from motools.plugins.registry import get_training_backend

        backend = get_training_backend(request.backend, **request.backend_keywords())
        try:
            run = await following.submit(
                backend.train(data, model, hyperparameters or None, suffix, **request.keywords())
            )
            model_id = None if request.no_wait else await following.wait(run)
            if request.as_json:
                put_json(following.as_dict(run, request.backend))
            else:
                put(model_id or following.name)
        finally:
            await backend.aclose()

    finish(train(), following.come_back)


__all__ = ["train_command"]
