"""What listeners cost, and what the command costs where hundreds of distributions are installed.

    python benchmarks/plugins_hooks.py                 # sets itself up, in --work; about two minutes
    python benchmarks/plugins_hooks.py --events 1000 --repetitions 5

Listeners: the CPU time of telling fifty of them an event, against calling the same fifty functions, in one process, taking
turns. The command: the CPU time (user and system) of new processes, the environments taking turns, `python -c pass` and
`import click` beside them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery_environments import CORE, install, site_packages

HERE = Path(__file__).resolve().parent
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != HERE]

import asyncio  # noqa: E402  (it needs Python's own inspect, and not the file of that name beside this one)
from importlib.metadata import distribution  # noqa: E402
from importlib.util import find_spec  # noqa: E402

from motools.events import Happened, RunEvent  # noqa: E402
from motools.plugins.listeners import Listener, Listeners  # noqa: E402
from motools.plugins.origin import Offer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

LISTENERS = 50
DISTRIBUTIONS = 500
BUDGET_MS = 120.0
NEEDED = ("click", "pluggy", "aiofiles", "rich", "importlib_metadata", "zipp")
OURS = ("motools-core", "motools-openai", "motools-tinker", "motools-inspect", "motools-local")
EVENT = RunEvent(happened=Happened.PROGRESS, kind="training", backend="b", key="mk1:0", job_id="j", at=1.0, model="m")


class Heard:
    """Counts calls, as the cheapest listener does."""

    def __init__(self) -> None:
        self.count = 0

    def plain(self) -> Callable[[RunEvent], None]:
        """Return a listener that is a plain function."""

        def listen(event: RunEvent) -> None:
            self.count += event is EVENT

        return listen

    def asynchronous(self) -> Callable[[RunEvent], Any]:
        """Return one that is a coroutine function."""

        async def listen(event: RunEvent) -> None:
            self.count += event is EVENT

        return listen


def ways_of_telling(heard: Heard, events: int) -> dict[str, Callable[[], None]]:
    """Return what is measured: the events told to listeners of either sort, and the calls alone."""
    offer = Offer("b", "hooks", "b", location="")
    plain = [heard.plain() for _ in range(LISTENERS)]
    waiting = [heard.asynchronous() for _ in range(LISTENERS)]

    def told(functions: list[Callable[[RunEvent], Any]]) -> Callable[[], None]:
        listeners = Listeners(Listener(each, offer, takes_event=True) for each in functions)

        async def tell() -> None:
            for _ in range(events):
                assert await listeners.tell(EVENT, 10.0) == []

        return lambda: asyncio.run(tell())

    def called() -> None:
        for _ in range(events):
            for function in plain:
                function(EVENT)

    async def awaited() -> None:
        for _ in range(events):
            for function in waiting:
                await function(EVENT)

    return {
        "plain calls": called,
        "plain listeners, told": told(plain),
        "awaited calls": lambda: asyncio.run(awaited()),
        "coroutine functions, told": told(waiting),
    }


def of_listeners(events: int, repetitions: int) -> None:
    """Print what an event costs for plain listeners, for asynchronous ones, and for plain calls of the same functions."""
    heard = Heard()
    ways = ways_of_telling(heard, events)
    samples: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repetitions):
        for way, work in ways.items():
            heard.count, began = 0, time.process_time()
            work()
            samples[way].append((time.process_time() - began) / events * 1e6)
            assert heard.count == events * LISTENERS
    best = {way: statistics.median(values) for way, values in samples.items()}
    print(f"\n{events} events, {LISTENERS} listeners; us of CPU an event, median of {repetitions}\n")
    print("| | us an event | us a listener | times the calls themselves |")
    print("|---|---|---|---|")
    for way, base in zip(ways, ["plain calls", "plain calls", "awaited calls", "awaited calls"], strict=True):
        print(f"| {way} | {best[way]:.1f} | {best[way] / LISTENERS:.2f} | {best[way] / best[base]:.1f} |")


def environment(work: Path, *, others: int, plugins: tuple[str, ...]) -> Path:
    """Make an environment with core, those of our plugins, and so many other distributions; return its Python."""
    root = work / f"command-{others}-{len(plugins)}"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
    site = site_packages(root)
    (site / "motools").symlink_to(CORE)
    for module in NEEDED:
        spec = find_spec(module)
        assert spec is not None, module
        (site / module).symlink_to(Path(str(spec.origin)).parent)
    for name in plugins:
        place = Path(str(getattr(distribution(name), "_path", "")))
        (site / place.name).symlink_to(place)
    for number in range(others):
        install(site, number, None)
    return root / "bin" / "python"


def of_the_command(repetitions: int) -> bool:
    """Print what `motools --help` and `motools backends` cost, and return whether they are in their budget."""
    with tempfile.TemporaryDirectory(prefix="motools-benchmark-") as name:
        work = Path(name)
        pythons = {
            "core alone": environment(work, others=0, plugins=OURS[:1]),
            f"and {DISTRIBUTIONS} other distributions": environment(work, others=DISTRIBUTIONS, plugins=OURS[:1]),
            "and our four plugins": environment(work, others=DISTRIBUTIONS, plugins=OURS),
        }
        commands = {
            "python -c pass": ["-c", "pass"],
            "import click": ["-c", "import click"],
            "motools --help": ["-m", "motools", "--help"],
            "motools backends": ["-m", "motools", "backends"],
        }
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MOTOOLS"))}
        samples: dict[tuple[str, str], list[float]] = {}
        for repetition in range(repetitions + 1):
            for place, python in pythons.items():
                for command, arguments in commands.items():
                    sample = cpu_ms([str(python), *arguments], variables, work)
                    if repetition:  # the first round compiles, and fills the page cache
                        samples.setdefault((place, command), []).append(sample)
    print(f"\nms of CPU, median of {repetitions}; load average {os.getloadavg()[0]:.1f}\n")
    print(f"| | {' | '.join(commands)} |")
    print(f"|---|{'---|' * len(commands)}")
    for place in pythons:
        cells = [f"{statistics.median(samples[place, command]):.1f}" for command in commands]
        print(f"| {place} | {' | '.join(cells)} |")
    worst = max(statistics.median(samples[place, command]) for place in pythons for command in commands)
    print(f"\nThe most is {worst:.1f} ms; the budget is {BUDGET_MS:g} ms.")
    return worst < BUDGET_MS


def cpu_ms(command: list[str], variables: dict[str, str], directory: Path) -> float:
    """Return the CPU milliseconds of one new process."""
    process = subprocess.Popen(command, env=variables, cwd=directory, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return (usage.ru_utime + usage.ru_stime) * 1e3


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--repetitions", type=int, default=9)
    given = parser.parse_args()
    of_listeners(given.events, min(given.repetitions, 5))
    if not of_the_command(given.repetitions):
        sys.exit("The command is over its budget.")


if __name__ == "__main__":
    main()
