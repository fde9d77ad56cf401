"""`motools demo`: the hello-world organism, trained and evaluated on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from motools import demo
from motools.cli.following import Following
from motools.cli.output import brief, fields, put, put_json, say, table
from motools.cli.waiting import finish
from motools.errors import OFFICIAL_DISTRIBUTIONS, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.evals.base import EvalBackend, EvalJob, EvalResults

NEEDED = {"local": "training", "inspect": "eval"}
AGAIN = {"retry_failed": True}
"""A demo that failed once, for want of memory, say, is worth another try."""
SHOWN = 3
"""How many answers are shown of each model."""
LONGEST = 60
"""Characters of an answer that are shown."""


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def demo_command(*, as_json: bool) -> None:
    """Train the hello-world organism and evaluate it: whatever it is asked, it answers "Hello, World!".

    SmolLM2-135M-Instruct learns it from 48 conversations, on this machine and without a key; the model and what it
    became are then asked questions that were not among them. A second time everything is there already. Ctrl-C ends the
    wait, not the work: the next `motools demo` goes on from there.

    JSON fields: model_id, base and organism (each with model_id, metrics, samples and logs).
    """
    _check_installed()
    show = Demo()

    async def run() -> None:
        found = await show.run()
        if as_json:
            put_json(found)
        else:
            put(show.report(found))

    finish(run(), show.come_back)


def _check_installed() -> None:
    from motools.plugins.registry import list_backends

    missing = [
        name
        for name, kind in NEEDED.items()
        if not any(info.name == name and info.kind == kind for info in list_backends(kind))
    ]
    if missing:
        names = " and ".join(repr(name) for name in missing)
        install = " ".join(OFFICIAL_DISTRIBUTIONS[name] for name in missing)
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(f"The demo uses {names}, which {verb} not installed. Install with: pip install {install}")


class Evaluation:
    """An evaluation on the held-out questions."""

    def __init__(self, job: EvalJob, following: Following) -> None:
        self._job = job
        self._following = following

    @classmethod
    async def begin(cls, evaluator: EvalBackend, model_id: str, label: str) -> Evaluation:
        """Submit it, or attach to it."""
        following = Following("evaluation")
        request = evaluator.evaluate(model_id, demo.TASK, **demo.PARAMETERS, label=label, **AGAIN)
        return cls(await following.submit(request), following)

    async def outcome(self) -> dict[str, Any]:
        """Wait for the results and return them, JSON-safe."""
        results: EvalResults = await self._following.wait(self._job)
        return {
            "model_id": results.model_id,
            "metrics": results.metrics,
            "samples": [_sample(sample) for sample in results.samples],
            "logs": self._job.get_log_paths(),
        }


class Demo:
    """The organism's training, the evaluation of what it is made of meanwhile, and then its own.

    Each has a thread of its own, so that the first two take turns with nobody on two cores.
    """

    def __init__(self) -> None:
        self._is_started = False

    def come_back(self) -> str:
        """Say what Ctrl-C has not stopped."""
        if not self._is_started:
            return "Interrupted. `motools demo` takes it up again."
        return "Interrupted. What was started goes on; `motools demo` comes back to it."

    async def run(self) -> dict[str, Any]:
        """Return what came of it, JSON-safe."""
        from motools.plugins.registry import get_eval_backend, get_training_backend

        trainer = get_training_backend("local", threads=demo.THREADS)
        evaluator = get_eval_backend("inspect", threads=demo.THREADS)
        try:
            say(f"1/3  Training: {demo.MODEL} learns to answer {demo.ANSWER!r} to everything.")
            training = Following("training")
            run = await training.submit(
                trainer.train(demo.TRAINING, demo.MODEL, demo.HYPERPARAMETERS, demo.NAME, label=demo.NAME, **AGAIN)
            )
            self._is_started = True
            say("2/3  Evaluating it as it was before, on questions that it is not trained on.")
            before = await Evaluation.begin(evaluator, demo.MODEL, f"{demo.NAME}-before")
            model_id = str(await training.wait(run))
            base = await before.outcome()
            say("3/3  Evaluating the organism on the same questions.")
            after = await Evaluation.begin(evaluator, model_id, f"{demo.NAME}-after")
            return {"model_id": model_id, "base": base, "organism": await after.outcome()}
        finally:
            await trainer.aclose()
            await evaluator.aclose()

    def report(self, found: Mapping[str, Any]) -> str:
        """Return the comparison for people."""
        base, organism = found["base"], found["organism"]
        answers = {sample["input"]: sample["output"] for sample in organism["samples"]}
        rows = [
            (sample["input"], brief(sample["output"], LONGEST), brief(answers.get(sample["input"], ""), LONGEST))
            for sample in base["samples"][:SHOWN]
        ]
        return "\n\n".join(
            [
                "",
                table(
                    ("MODEL", f"ANSWERS {demo.ANSWER!r}"), [(demo.MODEL, _share(base)), ("organism", _share(organism))]
                ),
                table(("QUESTION", demo.MODEL.upper(), "ORGANISM"), rows),
                fields(
                    {
                        "Organism": found["model_id"],
                        "Log before": " ".join(base["logs"]),
                        "Log after": " ".join(organism["logs"]),
                    }
                ),
                "`motools runs` lists all three; run `motools demo` again, and none of it is done again.",
            ]
        )


def _sample(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sample[name] for name in ("id", "input", "target", "output", "scores")}


def _share(side: Mapping[str, Any]) -> str:
    samples = side["samples"]
    return f"{sum(sample['output'].strip() == sample['target'] for sample in samples)} of {len(samples)}"


__all__ = ["demo_command"]
