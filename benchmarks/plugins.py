"""What the layers around a backend cost a call.

    python benchmarks/plugins.py                       # two minutes; --calls and --rounds for more

The backend is instant: its `train` and `evaluate` return a handle and do nothing. Each case compares two ways to it that take turns,
call by call, in one process: one with as little around it as there can be, and one through six layers. A figure is the median of the
CPU time of a call; "more" is the median of the differences between calls that followed one another.

    a hit        answered by the ledger in SQLite, through `cache` alone or through six layers of which it is one
    passed on    no record is kept: the bare backend, or six layers around it that have nothing to read
    submitted    recorded by a ledger in memory, since a write to disk takes a hundred times what is measured here: through the layers
                 that do work of their own (`cache`, `limit`, whose line is kept in the ledger, and `validate`, which reads the
                 data), or through six layers of which they are some
"""

from __future__ import annotations

import sys

sys.path = [path for path in sys.path if path != __file__.rpartition("/")[0]]  # the `inspect` there is not Python's own

import argparse
import asyncio
import itertools
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

BUDGET = 30.0
"""µs that six layers may cost a call beyond the ledger."""
EXAMPLES = 10


@dataclass(frozen=True, kw_only=True)
class Case:
    """Calls by two ways that are made in turns."""

    name: str
    kind: str
    little: Sequence[Any]
    six: Sequence[Any]
    calls: int
    is_hit: bool = False
    """Whether all calls but the first are answered from the record; else each is another draw."""


def backends() -> dict[str, type[Any]]:
    """Return a backend of each kind that does nothing."""
    from motools import Capability, Estimate, EvalBackend, TrainingBackend
    from motools.evals.backends import DummyEvalBackend
    from motools.training.backends import DummyTrainingBackend

    class InstantTraining(TrainingBackend):
        name = "instant"
        capabilities = frozenset({Capability.ESTIMATE})

        async def train(self, *_: Any, **__: Any) -> Any:
            return run

        async def estimate(self, *_: Any, **__: Any) -> Estimate:
            return Estimate(tokens=1, cost=0.0)

    class InstantEvals(EvalBackend):
        name = "instant"

        async def evaluate(self, *_: Any, **__: Any) -> Any:
            return job

    async def made() -> tuple[Any, Any]:
        trained = await DummyTrainingBackend().train([json.loads(example(0))], "base")
        measured = await DummyEvalBackend().evaluate("model", "task")
        return trained, measured

    run, job = asyncio.run(made())
    return {"training": InstantTraining, "eval": InstantEvals}


def example(number: int) -> str:
    """Return a line of the training data, like no other."""
    asked = {"role": "user", "content": f"What is {number}?"}
    return json.dumps({"messages": [asked, {"role": "assistant", "content": "It is what it is."}]}) + "\n"


def cases(calls: int) -> list[Case]:
    """Return what is measured."""
    from motools import EvalMiddleware, TrainingMiddleware
    from motools.middleware.budget import BudgetedTrainingBackend, BudgetOptions
    from motools.middleware.limit import LimitedEvalBackend, LimitedTrainingBackend
    from motools.middleware.log import LoggedEvalBackend, LoggedTrainingBackend

    class Another(EvalMiddleware): ...

    class YetAnother(EvalMiddleware): ...

    others: list[Any] = [EvalMiddleware, Another, YetAnother]
    ceiling = partial(BudgetedTrainingBackend, options=BudgetOptions(max_cost=1.0))
    training = [TrainingMiddleware, "log", "cache", "validate", "budget", "limit"]
    evaluation = [*others, "log", "cache", "limit"]
    passing = [*[TrainingMiddleware] * 3, LoggedTrainingBackend, ceiling, LimitedTrainingBackend]
    passing_eval = [*others, EvalMiddleware, LoggedEvalBackend, LimitedEvalBackend]
    few = max(1, calls // 20)
    return [
        Case(name="training, a hit", kind="training", little=["cache"], six=training, is_hit=True, calls=calls),
        Case(name="evaluation, a hit", kind="eval", little=["cache"], six=evaluation, is_hit=True, calls=calls),
        Case(name="training, passed on", kind="training", little=[], six=passing, calls=calls),
        Case(name="evaluation, passed on", kind="eval", little=[], six=passing_eval, calls=calls),
        Case(
            name="training, submitted", kind="training", little=["cache", "validate", "limit"], six=training, calls=few
        ),
        Case(name="evaluation, submitted", kind="eval", little=["cache", "limit"], six=evaluation, calls=few),
    ]


def store() -> Any:
    """Return an empty ledger in memory that passes for a store: nothing is asked of it as of a dictionary."""
    from motools import CacheBackend
    from motools.cache.memory import MemoryLedger

    class Store(MemoryLedger, CacheBackend): ...

    return Store()


def caller(case: Case, chain: Sequence[Any], backend_class: type[Any], data: Path) -> Callable[[], Awaitable[Any]]:
    """Return what makes one call of a case through a chain."""
    import motools

    if "cache" in chain:
        options: dict[str, Any] = {"max_cost": 1.0} if "budget" in chain else {}
        if not case.is_hit:
            options["cache"] = store()
        backend = motools.get_backend(backend_class, kind=case.kind, middleware=chain, **options)
    else:
        backend = backend_class()
        for layer in reversed(chain):
            backend = layer(backend)
    draws, model = itertools.count(1), f"model of {len(chain)}"

    def call() -> Awaitable[Any]:
        more = {"replicate": 0 if case.is_hit else next(draws)} if "cache" in chain else {}
        if case.kind == "training":
            return backend.train(data, model, {"n_epochs": 3}, **more)
        return backend.evaluate(model, "task", **more)

    return call


async def measure(case: Case, rounds: int, backend_class: type[Any], data: Path) -> dict[str, float]:
    """Return the medians of both chains, in µs of CPU a call, and by how much they differ."""
    took: tuple[list[float], list[float]] = ([], [])
    calls: list[Callable[[], Awaitable[Any]]] = []
    for _ in range(rounds):
        if not calls or not case.is_hit:  # a ledger in memory gets slower as it fills
            calls = [caller(case, chain, backend_class, data) for chain in (case.little, case.six)]
            for call in calls:
                await (await call()).wait()
        for number in range(case.calls):
            for which in (0, 1) if number % 2 else (1, 0):
                began = time.process_time_ns()
                await calls[which]()
                took[which].append((time.process_time_ns() - began) / 1000)
    little, six = map(statistics.median, took)
    differences = [many - few for few, many in zip(*took, strict=True)]
    return {"little": little, "six": six, "more": statistics.median(differences)}


def main() -> int:
    """Measure, print, and return whether a budget was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000, help="of a hit in a round; one in twenty is submitted")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as directory:
        os.environ["MOTOOLS_HOME"] = str(Path(directory, "home"))
        os.chdir(directory)
        data = Path(directory, "data.jsonl")
        data.write_text("".join(map(example, range(EXAMPLES))))
        print(f"{'µs of CPU a call':<24}{'little':>10}{'six layers':>12}{'more':>8}")
        classes = backends()
        for case in cases(arguments.calls):
            found = asyncio.run(measure(case, arguments.rounds, classes[case.kind], data))
            is_held = found["more"] < BUDGET
            missed |= not is_held
            budget = f"   under {BUDGET:g}: {'held' if is_held else 'MISSED'}"
            print(f"{case.name:<24}{found['little']:>10.1f}{found['six']:>12.1f}{found['more']:>8.1f}{budget}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
