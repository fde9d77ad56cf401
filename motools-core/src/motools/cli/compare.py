"""`motools compare`: evaluations side by side on the same samples."""

from __future__ import annotations

import click

from motools.cli.output import put, put_json, say
from motools.cli.requests import check_writable
from motools.cli.waiting import finish
from motools.errors import UsageError


@click.command("compare")
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...")
@click.option("--baseline", metavar="JOB", help="What the others are compared with; without it, the first JOB.")
@click.option(
    "--by",
    multiple=True,
    metavar="SCORER[/KEY]",
    help="Only this scorer, or this part of its scores. May be given many times.",
)
@click.option("--task", "tasks", multiple=True, metavar="TASK", help="Only this task. May be given many times.")
@click.option(
    "--confidence",
    type=float,
    default=0.95,
    show_default=True,
    metavar="SHARE",
    help="How many of the intervals hold what they are of.",
)
@click.option(
    "--cluster",
    default="cluster",
    show_default=True,
    metavar="KEY",
    help="What, in a sample or its metadata, names the group whose scores depend on one another.",
)
@click.option("--plot", metavar="FILE", help="Draw a picture with error bars, as .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def compare_command(
    *,
    jobs: tuple[str, ...],
    baseline: str | None,
    by: tuple[str, ...],
    tasks: tuple[str, ...],
    confidence: float,
    cluster: str,
    plot: str | None,
    as_json: bool,
) -> None:
    """Compare evaluations of models on the samples that they have in common, each with the baseline.

    JOB is a key (or its beginning), a job id or a label as `motools runs` lists them, a file of results that `motools
    eval --results` wrote, or a handle that --save wrote. Samples are paired by task, id and epoch; what has no partner, or
    no score, is counted and said. docs/compare.md says which test and which interval is used when.

    Needs `pip install motools-core[compare]`.

    JSON fields: baseline, models ({name: model id}), confidence, scores (a list of what each model scored), differences (a
    list of how each differs from the baseline) and notes.
    """
    from motools.comparison import compare
    from motools.comparison.report import picture_format

    if len(jobs) + (baseline is not None) < 2:  # noqa: PLR2004  (a baseline and one more)
        raise UsageError("A comparison needs two evaluations at least: motools compare BASELINE JOB...")
    if plot is not None:
        picture_format(plot)
        check_writable(plot)

    async def work() -> None:
        found = await compare(jobs, baseline=baseline, by=by, tasks=tasks, confidence=confidence, cluster=cluster)
        if plot is not None:
            await found.plot(plot)
            say(f"The picture is in {plot}.")
        if as_json:
            put_json(found.as_dict())
        else:
            put(found.summary())

    finish(work(), lambda: "Interrupted.")


__all__ = ["compare_command"]
