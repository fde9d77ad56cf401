"""How long it takes to list the installed backends, and to import one by name, against the known ways to do it.

    python benchmarks/discovery.py                     # sets itself up, in --work; about four minutes
    python benchmarks/discovery.py --sizes 500 --repetitions 15

Each sample is a new process, the contenders taking turns. A figure is the median of the CPU time (user and system) above
that of `python -c pass`; for "load", also above that of importing the plugin's module directly, which everyone pays.
Every contender must first give the right answers; how many plugins it imports to load one is shown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from discovery_environments import PLUGINS, environment, set_up, site_packages

CONTENDERS = Path(__file__).resolve().parent / "discovery_contenders"
REFERENCE = "stdlib"
OURS = ["motools_public", "motools_public, motools.toml"]
BUDGET = 0.2
IMPORT_BUDGET_MS = 5.0
DENIED = ["asyncio", "pluggy", "importlib.metadata", "importlib_metadata", "sqlite3", "click", "rich", "aiofiles"]
ALSO_UNWANTED = ["dataclasses", "typing", "tomllib", "json", "re", "pathlib"]
TOML = """cache = "sqlite"
[backends.openai]
middleware = ["cache", "validate", "limit"]
max_live_runs = 3
[backends.cheap]
use = "openai"
base_url = "http://localhost:8000/v1"
[plugins]
block = ["foo"]
pin = { openai = "motools-openai" }
"""


class Contender:
    """One way to find plugins, in one environment."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        module, _, with_toml = name.partition(", ")
        self.module = f"contender_{module}"
        self.python = str(root / "bin" / "python")
        self.directory = root / ("configured" if with_toml else "empty")
        self.directory.mkdir(exist_ok=True)
        if with_toml:
            (self.directory / "motools.toml").write_text(TOML)
        shutil.copy(CONTENDERS / f"{module}.py", site_packages(root) / f"{self.module}.py")
        left_out = ("PYTHON", "MOTOOLS", "XDG", "VIRTUAL_ENV")
        self.variables = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
        self.variables |= {"XDG_CACHE_HOME": str(root / "cache" / module), "MOTOOLS_HOME": str(root / "home")}

    def command(self, code: str) -> list[str]:
        """Return the command that runs `code` with the contender as `c`."""
        return [self.python, "-c", f"import {self.module} as c; {code}"]

    def answer(self, code: str) -> str:
        """Return what `code` prints."""
        return subprocess.run(
            self.command(code), env=self.variables, cwd=self.directory, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    def verify(self) -> dict[str, int]:
        """Return how many plugins each operation imports, after checking its answers. Fills caches on the way."""
        imported = {}
        count = "import sys; print(len(getattr(sys, '_backends_imported', [])))"
        assert self.answer("b = c.load('backend0'); print(b.__module__, b.__name__)") == "plugin_0 Backend", self.name
        imported["load"] = int(self.answer(f"c.load('backend0'); {count}"))
        if self.answer("print(hasattr(c, 'list_names'))") == "True":
            assert self.answer("print(*sorted(c.list_names()))").split() == [f"backend{n}" for n in range(PLUGINS)]
            imported["list"] = int(self.answer(f"c.list_names(); {count}"))
        return imported


def cpu_ms(command: list[str], variables: dict[str, str], directory: Path) -> float:
    """Return the CPU milliseconds of one new process."""
    process = subprocess.Popen(command, env=variables, cwd=directory, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return (usage.ru_utime + usage.ru_stime) * 1e3


def measure(work: Path, size: int, names: list[str], repetitions: int) -> None:
    """Print the table of one size."""
    root = environment(work, size)
    contenders = [Contender(name, root) for name in names]
    imported = {contender.name: contender.verify() for contender in contenders}
    first = contenders[0]
    jobs: dict[tuple[str, str], tuple[list[str], Contender]] = {
        ("", "bare"): ([first.python, "-c", "pass"], first),
        ("", "plugin"): ([first.python, "-c", "import plugin_0"], first),
        ("", "import motools"): ([first.python, "-c", "import motools"], first),
    }
    for contender in contenders:
        if "list" in imported[contender.name]:
            jobs[contender.name, "list"] = (contender.command("c.list_names()"), contender)
        jobs[contender.name, "load"] = (contender.command("c.load('backend0')"), contender)
    samples: dict[tuple[str, str], list[float]] = {job: [] for job in jobs}
    for repetition in range(repetitions + 1):
        for job, (command, contender) in jobs.items():
            sample = cpu_ms(command, contender.variables, contender.directory)
            if repetition:  # the first round fills the page cache
                samples[job].append(sample)
    medians = {job: statistics.median(values) for job, values in samples.items()}
    report(size, imported, medians, repetitions)


def report(
    size: int, imported: dict[str, dict[str, int]], medians: dict[tuple[str, str], float], repetitions: int
) -> None:
    """Print what was measured, and whether the budgets hold."""
    bare, plugin = medians["", "bare"], medians["", "plugin"]
    floor = {"list": bare, "load": plugin}

    def above(name: str, operation: str) -> float:
        return medians[name, operation] - floor[operation]

    def cell(name: str, operation: str) -> str:
        if (name, operation) not in medians:
            return "cannot"
        return f"{above(name, operation):.1f} ({above(name, operation) / above(REFERENCE, operation):.2f})"

    load = os.getloadavg()[0]
    print(f"\n{size} distributions, {PLUGINS} backends; median of {repetitions}; load average {load:.1f};")
    print(f"`python -c pass` {bare:.1f} ms, and the plugin's own import {plugin - bare:.1f} ms, are taken off.\n")
    print("| contender | list, ms CPU (ratio) | load, ms CPU (ratio) | plugins imported to load one |")
    print("|---|---|---|---|")
    for name, counts in imported.items():
        print(f"| {name} | {cell(name, 'list')} | {cell(name, 'load')} | {counts['load']} |")
    print()
    for name in [name for name in OURS if name in imported]:
        for operation in ("list", "load"):
            ratio = above(name, operation) / above(REFERENCE, operation)
            print(f"{name}, {operation}: {ratio:.2f} of {REFERENCE}; budget {BUDGET}: {verdict(ratio, BUDGET)}")
    cost = medians["", "import motools"] - bare
    print(f"import motools: {cost:.1f} ms; budget {IMPORT_BUDGET_MS:.0f} ms: {verdict(cost, IMPORT_BUDGET_MS)}")


def verdict(value: float, budget: float) -> str:
    """Say whether a budget holds."""
    return "held" if value <= budget else "MISSED"


def check_imports(work: Path, size: int) -> None:
    """Print which modules that cost more than the search our operations import."""
    contender = Contender(OURS[1], environment(work, size))
    wanted = {"import motools": "import motools", "list": "c.list_names()", "load": "c.load('backend0')"}
    print("\n| operation | denied modules imported | others that cost more than the search |")
    print("|---|---|---|")
    for name, code in wanted.items():
        found = contender.answer(f"{code}; import sys; print(*sys.modules)").split()
        denied, others = ([module for module in group if module in found] for group in (DENIED, ALSO_UNWANTED))
        print(f"| {name} | {', '.join(denied) or 'none'} | {', '.join(others) or 'none'} |")


def main() -> None:
    """Set up, check and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "motools-benchmark-discovery")
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=[50, 500, 2000])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--only", nargs="*", help="names of contenders")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    set_up(work, options.sizes)
    names = [REFERENCE, *sorted({path.stem for path in CONTENDERS.glob("*.py")} - {REFERENCE, *OURS}), *OURS]
    if options.only:
        names = [name for name in names if name == REFERENCE or any(only in name for only in options.only)]
    print(f"Python {sys.version.split()[0]}, {sys.platform}, {os.cpu_count()} cores")
    for size in options.sizes:
        measure(work, size, names, options.repetitions)
    check_imports(work, options.sizes[0])


if __name__ == "__main__":
    main()
