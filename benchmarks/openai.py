"""What it costs to follow many fine-tuning jobs, and to submit one, against the plain use of the SDK.

    python benchmarks/openai.py                        # about three minutes; needs the tests' group of dependencies

The service is the fake of the tests, in a process of its own. Every contender is a new process. "CPU" is what the contender
used, which other work on the machine hardly changes; requests are counted by the service. "Naive" is the loop that everybody
writes: each job is retrieved at every look, 100 at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != HERE]  # this file is not the SDK
sys.path.insert(0, str(HERE.parent / "tests" / "openai"))

from fake_openai.process import FakeOpenAI  # noqa: E402 (found in the folder of the tests)

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "gpt-4.1-nano-2025-04-14"
LOOKS = {"together": 5, "naive": 2}
"""How many looks at all jobs are measured."""
SUBMISSIONS = 100
ROUNDS = 5
MOST_CPU_MS = 10.0


def worker(*arguments: str, key: str) -> dict[str, Any]:
    """Run one contender to its end and return what it measured."""
    environment = {**os.environ, "OPENAI_API_KEY": key, "PYTHONPATH": ""}
    command = [sys.executable, str(HERE / "openai_worker.py"), *arguments]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def following(service: FakeOpenAI, jobs: int, way: str) -> Mapping[str, float]:
    """Measure looks at live jobs that do not end."""
    service.reset()
    service.set(speed=0, min_examples=0)
    training_file = worker("upload", service.base_url, key=service.key)["file"]
    ids = service.populate(jobs, {"model": MODEL, "training_file": training_file})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(ids, file)
        file.flush()
        before = service.requests()
        measured = worker(way, service.base_url, file.name, str(LOOKS[way]), key=service.key)
    asked = sum((service.requests() - before).values())
    looks = measured["looks"]
    return {"requests": asked / looks, "cpu_s": measured["cpu"] / looks, "memory_mb": measured["memory_mb"]}


def show_following(service: FakeOpenAI) -> None:
    """Print the table of looks."""
    print("Following live jobs, for each look at all of them:")
    print(f"{'jobs':>8} {'':10} {'requests':>9} {'CPU, s':>8} {'memory above the SDK, MB':>26}")
    for jobs in (1_000, 10_000):
        rows = {way: following(service, jobs, way) for way in LOOKS}
        for way, row in rows.items():
            print(f"{jobs:>8} {way:10} {row['requests']:>9.0f} {row['cpu_s']:>8.2f} {row['memory_mb']:>26.1f}")
        ratios = {name: rows["naive"][name] / max(rows["together"][name], 1e-9) for name in ("requests", "cpu_s")}
        print(f"{'':8} {'ratio':10} {ratios['requests']:>8.0f}x {ratios['cpu_s']:>7.0f}x")


def show_submitting(service: FakeOpenAI) -> None:
    """Print what train() adds to the requests that it makes."""
    print(f"\nSubmitting, CPU ms of one of {SUBMISSIONS}, least of {ROUNDS} rounds, the contenders taking turns:")
    ways = ("raw", "memory", "sqlite")
    rounds: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as work:
        for number in range(ROUNDS):
            for way in ways:
                service.reset()
                service.set(min_examples=0)
                arguments = ("submit", service.base_url, way, str(SUBMISSIONS), str(Path(work) / f"{way}{number}"))
                measured = worker(*arguments, key=service.key)
                assert len(service.bill()) == SUBMISSIONS
                rounds[way].append(1000 * measured["cpu"] / SUBMISSIONS)
    least = {way: min(values) for way, values in rounds.items()}
    words = {
        "raw": "the same three requests by the SDK alone",
        "memory": "train(), the record kept in memory",
        "sqlite": "train(), the record on disk",
    }
    for way in ways:
        print(f"  {words[way]:45} {least[way]:6.2f}   +{least[way] - least['raw']:.2f}")
    overhead = least["memory"] - least["raw"]
    print(
        f"  budget: under {MOST_CPU_MS:g} ms beyond the durable writes: {'held' if overhead < MOST_CPU_MS else 'MISSED'}"
    )


def main() -> int:
    """Print all tables."""
    with FakeOpenAI.started() as service:
        show_following(service)
        show_submitting(service)
    loaded = worker("imports", key="none")
    print(f"\n`import motools_openai` imports openai: {'yes, MISSED' if loaded['openai'] else 'no'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
