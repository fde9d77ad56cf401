"""How long evaluations take through motools-inspect, against plain `inspect_ai.eval` on the same tasks and the same model.

    python benchmarks/inspect.py                       # sets itself up in a temporary directory; six minutes
    python benchmarks/inspect.py --rounds 3 --samples 200

The model is a provider that answers after half a second and computes nothing. Plain Inspect is measured in processes of
its own, which have it loaded and have evaluated once; the contenders take turns, and a figure is the median of the
rounds. Wall-clock times bear no other work beside them; ratios bear some. What a task measures is found out once, for the
key, and remembered: the first evaluations of sixteen tasks are a row of their own.
"""

from __future__ import annotations

import sys

sys.path = [path for path in sys.path if path != __file__.rpartition("/")[0]]  # there is an `inspect` of Python's own

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
AT_ONCE = 16
FEW = 5
PROVIDER = """
import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, ModelUsage, modelapi
from inspect_ai.scorer import match

@modelapi(name="waits")
class Waits(ModelAPI):
    def __init__(self, model_name, base_url=None, api_key=None, config=None, **arguments):
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())

    async def generate(self, input, tools, tool_choice, config):
        await anyio.sleep(0.5)
        output = ModelOutput.from_content(self.model_name, input[-1].text.upper())
        output.usage = ModelUsage(input_tokens=2, output_tokens=1, total_tokens=3)
        return output

@task
def words(number: int = 5, which: int = 0) -> Task:
    samples = [Sample(id=n, input=f"word {n}", target=f"WORD {n}") for n in range(number)]
    return Task(dataset=samples, scorer=match(), name=f"words{which}")
"""
PLAIN = """
import json, os, sys, tempfile, time
os.environ.setdefault("INSPECT_DISPLAY", "none")
began = time.perf_counter()
from inspect_ai import eval
from inspect_ai.util import registry_create

def tasks(count, number):
    return [registry_create("task", "waits/words", number=number, which=n) for n in range(count)]

def run(count, number, **more):
    began = time.perf_counter()
    logs = eval(tasks(count, number), model="waits/m", log_dir=tempfile.mkdtemp(), max_connections=200,
                ctl_server=False, **more)
    assert all(log.status == "success" for log in logs)
    return time.perf_counter() - began

from inspect_ai._util.entrypoints import ensure_entry_points
ensure_entry_points()
print(json.dumps({"cold": run(1, 5), "all": time.perf_counter() - began}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    spent = 0.0
    for _ in range(asked.pop("times", 1)):
        spent += run(**asked)
    print(json.dumps(spent), flush=True)
"""


def install(work: Path) -> dict[str, str]:
    """Install the provider, and return the environment of whoever uses it."""
    place = work / "site-packages"
    package = place / "waits"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "_registry.py").write_text(PROVIDER)
    metadata = place / "waits-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: waits\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[inspect_ai]\nwaits = waits._registry\n")
    (metadata / "RECORD").write_text("waits/__init__.py,,\nwaits/_registry.py,,\n")
    run = Path(tempfile.mkdtemp(prefix="motools"))
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]),
        "MOTOOLS_HOME": str(work / "home"),
        "XDG_RUNTIME_DIR": str(run),
        "XDG_DATA_HOME": str(work / "data"),
    }


class Plain:
    """A process that evaluates with Inspect alone."""

    def __init__(self, environment: dict[str, str]) -> None:
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", PLAIN],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = self._answer()
        self.cold = time.perf_counter() - began

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        while not line.startswith(("{", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")):
            assert line, "plain Inspect has died"
            line = self._process.stdout.readline()
        return json.loads(line)

    def run(self, **asked: Any) -> float:
        """Return the seconds that this takes."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


async def ours(count: int, number: int, *, fresh: bool = True) -> float:
    """Return the seconds of so many evaluations at once, through everything that `get_backend` puts around them."""
    import motools

    backend = motools.get_backend("inspect", cache="sqlite")
    began = time.perf_counter()
    jobs = await asyncio.gather(
        *(
            backend.evaluate(
                "waits/m",
                "waits/words",
                task_args={"number": number, "which": n},
                max_connections=200,
                refresh=fresh,
            )
            for n in range(count)
        )
    )
    results = await asyncio.gather(*(job.wait() for job in jobs))
    spent = time.perf_counter() - began
    assert all(len(each.samples) == number for each in results)
    return spent


def cold(environment: dict[str, str]) -> float:
    """Return the seconds of one evaluation in a new process, with no server there."""
    place = Path(tempfile.mkdtemp(prefix="motools"))
    variables = environment | {"XDG_RUNTIME_DIR": str(place), "MOTOOLS_HOME": str(place / "home")}
    began = time.perf_counter()
    subprocess.run([sys.executable, str(Path(__file__)), "--one"], env=variables, check=True)
    spent = time.perf_counter() - began
    shutil.rmtree(place)  # its server ends when it finds that it is not there any more
    return spent


async def hits(number: int = 200) -> list[float]:
    """Return the seconds of so many hits with their summary metrics, from a warm process."""
    import motools

    backend = motools.get_backend("inspect")
    await asyncio.sleep(2.5)  # until the files' times tell that they are the same
    spent = []
    for _ in range(number):
        began = time.perf_counter()
        job = await backend.evaluate("waits/m", "waits/words", task_args={"number": FEW, "which": 0})
        assert job.is_hit
        assert (await job.wait()).metrics
        spent.append(time.perf_counter() - began)
    assert "inspect_ai" not in sys.modules
    return spent


async def waiting(number: int = 50) -> float:
    """Return the kilobytes that a job costs whoever waits for it, while it waits for its turn."""
    from motools_inspect import InspectEvalBackend

    backend = InspectEvalBackend(workers=1)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    jobs = [await backend.evaluate("waits/m", "waits/words", task_args={"number": 3}) for _ in range(number)]
    waits = [asyncio.create_task(job.wait()) for job in jobs]
    await asyncio.sleep(0.3)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    await asyncio.gather(*(job.cancel() for job in jobs))
    await asyncio.gather(*waits, return_exceptions=True)
    return used / number / 1000


def measure(environment: dict[str, str], rounds: int, samples: int) -> dict[str, list[float]]:
    """Take every measurement, the contenders in turn."""
    found: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        found.setdefault(name, []).append(seconds)
        print(f"  {name:<42} {seconds:8.3f}", flush=True)

    for _ in range(rounds):
        plain = Plain(environment)
        note("cold, plain", plain.cold)
        note("cold, motools", cold(environment))
        if not found.get("warm, motools"):
            asyncio.run(ours(1, FEW))  # starts the server
            note("16 at once, motools, tasks never seen", asyncio.run(ours(AT_ONCE, FEW)))
        for _ in range(3):
            note("warm, plain", plain.run(count=1, number=FEW))
            note("warm, motools", asyncio.run(ours(1, FEW)))
        note(f"{samples} samples, plain", plain.run(count=1, number=samples))
        note(f"{samples} samples, motools", asyncio.run(ours(1, samples)))
        note("16 at once, plain, one after the other", plain.run(count=1, number=FEW, times=AT_ONCE))
        note("16 at once, plain, max_tasks=16", plain.run(count=AT_ONCE, number=FEW, max_tasks=AT_ONCE))
        note("16 at once, motools", asyncio.run(ours(AT_ONCE, FEW)))
        plain.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        asyncio.run(ours(1, FEW))
        return
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        environment = install(Path(folder))
        os.environ.update(environment)
        sys.path.insert(0, str(Path(folder) / "site-packages"))
        try:
            found = measure(environment, arguments.rounds, arguments.samples)
            spent = asyncio.run(hits())
            memory = asyncio.run(waiting())
        finally:
            shutil.rmtree(environment["XDG_RUNTIME_DIR"])
    report({name: statistics.median(values) for name, values in found.items()}, arguments.samples, spent, memory)


def report(middle: dict[str, float], samples: int, spent: list[float], memory: float) -> None:
    """Print what was measured against what was promised."""
    one, two = middle[f"{samples} samples, plain"], middle[f"{samples} samples, motools"]
    each, best, together = (
        middle["16 at once, plain, one after the other"],
        middle["16 at once, plain, max_tasks=16"],
        middle["16 at once, motools"],
    )
    print(f"\nPython {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    rows = [
        ("one evaluation, cold, above plain", f"{middle['cold, motools'] - middle['cold, plain']:.2f} s", "1.5 s"),
        (
            "one evaluation, warm, above plain",
            f"{(middle['warm, motools'] - middle['warm, plain']) * 1000:.0f} ms",
            "50 ms",
        ),
        (f"{samples} samples, above plain", f"{(two / one - 1) * 100:.1f} %", "5 %"),
        ("16 evaluations against one after the other", f"{each / together:.1f} x", "6 x"),
        ("16 evaluations against max_tasks=16", f"{(together / best - 1) * 100:+.1f} %", "+10 %"),
        (
            "the same, tasks that were never seen before",
            f"{(middle['16 at once, motools, tasks never seen'] / best - 1) * 100:+.1f} %",
            "",
        ),
        ("a hit, summary metrics, median", f"{statistics.median(spent) * 1000:.2f} ms", "5 ms"),
        ("a job that waits", f"{memory:.0f} kB", "1000 kB"),
    ]
    for row in rows:
        print(f"| {row[0]:<45} | {row[1]:>10} | {row[2]:>8} |")


if __name__ == "__main__":
    main()
