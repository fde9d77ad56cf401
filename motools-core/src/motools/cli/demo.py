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

    from motools.evals.base import EvalResults

NEEDED = {"local": "training", "inspect": "eval"}
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


class Demo:
    """The three steps: train, evaluate the organism, evaluate what it was made of."""

    def __init__(self) -> None:
        self.step: Following | None = None

    def come_back(self) -> str:
        """Say what Ctrl-C has not stopped."""
        if self.step is None or self.step.job_id is None:
            return "Interrupted. `motools demo` takes it up again."
        return f"Interrupted. The {self.step.noun} goes on ({self.step.name}); `motools demo` comes back to it."

    async def run(self) -> dict[str, Any]:
        """Return what came of it, JSON-safe."""
        say(f"1/3  Training: {demo.MODEL} learns to answer {demo.ANSWER!r} to everything.")
        model_id = await self._train()
        say("2/3  Evaluating the model as it was, on questions that it was not trained on.")
        base = await self._evaluate(demo.MODEL, "hello-world-before")
        say("3/3  Evaluating the organism on the same questions.")
        return {"model_id": model_id, "base": base, "organism": await self._evaluate(model_id, "hello-world-after")}

    async def _train(self) -> str:
        from motools.plugins.registry import get_training_backend

        self.step = Following("training")
        backend = get_training_backend("local", threads=demo.THREADS)
        try:
            run = await self.step.submit(
                backend.train(
                    demo.TRAINING,
                    demo.MODEL,
                    demo.HYPERPARAMETERS,
                    "hello-world",
                    label="hello-world",
                    retry_failed=True,
                )
            )
            return str(await self.step.wait(run))
        finally:
            await backend.aclose()

    async def _evaluate(self, model_id: str, label: str) -> dict[str, Any]:
        from motools.plugins.registry import get_eval_backend

        self.step = Following("evaluation")
        backend = get_eval_backend("inspect", threads=demo.THREADS)
        try:
            request = backend.evaluate(model_id, demo.TASK, **demo.PARAMETERS, label=label, retry_failed=True)
            job = await self.step.submit(request)
            results: EvalResults = await self.step.wait(job)
            return {
                "model_id": model_id,
                "metrics": results.metrics,
                "samples": [_sample(sample) for sample in results.samples],
                "logs": job.get_log_paths(),
            }
        finally:
            await backend.aclose()

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
