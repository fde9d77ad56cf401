"""`motools eval`: evaluate a model, or attach to an evaluation that is there."""

from __future__ import annotations

from typing import Any

import click

from motools.cli.assignments import RULE, assignments
from motools.cli.following import Following
from motools.cli.output import put, put_json
from motools.cli.requests import Request, check_writable, request_options
from motools.cli.waiting import finish
from motools.errors import UsageError

KEYWORDS_OF_OPTIONS = {"label": "--label", "tags": "--tag"} | {
    name: f"--{name.replace('_', '-')}" for name in ("replicate", "refresh", "retry_failed")
}


@click.command("eval", epilog=RULE)
@click.argument("model_id")
@click.argument("tasks", nargs=-1, required=True, metavar="TASK...")
@assignments("-p", "--parameter", "parameters", help_text="A keyword of the backend, such as limit=10.")
@click.option("--results", metavar="PATH", help="Write the results, with every sample, to a JSON file.")
@request_options
def eval_command(
    *, model_id: str, tasks: tuple[str, ...], parameters: dict[str, Any], results: str | None, **shared: Any
) -> None:
    """Evaluate MODEL_ID on each TASK, in the words of the evaluation framework, and print a table of metrics.

    What was asked for before is not started again: results are returned, an evaluation under way is attached to.
    Ctrl-C ends the wait, not the evaluation.

    JSON fields: those of `motools runs --json`, and recorded (whether the results were there already), metrics
    ({task: {scorer: {metric: number}}}) and logs (where the framework's own are).
    """
    request = Request(**shared)
    _check_parameters(parameters)
    if results is not None:
        check_writable(results)
    following = Following("evaluation", request.save)

    async def evaluate() -> None:
        from motools.plugins.registry import get_eval_backend

        backend = get_eval_backend(request.backend, **request.backend_keywords())
        try:
            suite = tasks[0] if len(tasks) == 1 else list(tasks)
            job = await following.submit(backend.evaluate(model_id, suite, **parameters, **request.keywords()))
            found = None if request.no_wait else await following.wait(job)
            if found is not None and results is not None:
                await found.save(results)
            if request.as_json:
                measured = {"metrics": found.metrics if found else None, "logs": job.get_log_paths()}
                put_json(following.as_dict(job, request.backend) | measured)
            else:
                put(found.summary() if found else following.name)
        finally:
            await backend.aclose()

    finish(evaluate(), following.come_back)


def _check_parameters(parameters: dict[str, Any]) -> None:
    for name in parameters:
        if name in KEYWORDS_OF_OPTIONS:
            raise UsageError(f"-p {name}=… is no keyword of the backend; say {KEYWORDS_OF_OPTIONS[name]}.")
        if name in {"model_id", "eval_suite", "ticket"}:
            raise UsageError(f"-p {name}=… is no keyword of the backend; see `motools eval --help`.")


__all__ = ["eval_command"]
