"""How long it takes to be answered from the cache, against the known ways to remember a result.

    python benchmarks/cache.py                         # sets itself up in a temporary directory of 6 GB; ten minutes
    python benchmarks/cache.py --records 10000 --megabytes 100 --work DIRECTORY

Every contender is a process of its own, and they take turns; a figure is the median of the rounds. "CPU" is what the
process used, which other work on the machine hardly changes; the rest is by the clock, and bears no other work beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = ["aiosqlite==0.22.1", "diskcache==5.6.3", "joblib==1.6.0"]
HERE = Path(__file__).resolve().parent
ROUNDS = 5
CALLERS = 100
BUDGETS = {100_000: 100, 1_000_000: 150}
"""µs of the median hit in a ledger of up to so many records."""


class Process:
    """A worker process with one contender."""

    def __init__(self, work: Path, name: str, records: int) -> None:
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("MOTOOLS", "XDG"))}
        path = [str(HERE), str(work / "libraries"), os.environ.get("PYTHONPATH", "")]
        variables |= {"MOTOOLS_HOME": str(work / "home"), "PYTHONPATH": os.pathsep.join(path)}
        command = [sys.executable, str(HERE / "cache_worker.py"), str(work), name, str(records)]
        self._process = subprocess.Popen(
            command, env=variables, cwd=work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, **task: Any) -> None:
        """Give it a task."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """Return what the task measured."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "a worker process has died; what it said is above"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def do(self, **task: Any) -> dict[str, Any]:
        """Do a task and return what it measured."""
        self.begin(**task)
        return self.end()

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


class Benchmark:
    """The measurements, over one directory."""

    def __init__(self, work: Path, names: list[str]) -> None:
        from cache_contenders import CONTENDERS
        from cache_ledger import Archive

        self.work = work
        self.archive = Archive(work)
        self.contenders = {name: CONTENDERS[name] for name in names}
        self._filled: dict[str, int] = {}

    def fill(self, records: int) -> None:
        """Bring every store to so many records, or to as many as it is filled with at most."""
        template = self.archive.fill(records)
        for name, kind in self.contenders.items():
            present, wanted = self._filled.get(name, 0), min(records, kind.most)
            kind(self.archive, template).fill(range(present, wanted))
            self._filled[name] = max(present, wanted)

    def hits(self, records: int, count: int, *, is_first: bool) -> None:
        """Measure hits in one process of each contender, by turns; later on without those that cannot hold so many."""
        names = [name for name, kind in self.contenders.items() if kind.most >= records or is_first]
        processes = {name: Process(self.work, name, records) for name in names}
        samples: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        warm(self.work)
        for number in range(ROUNDS + 1):
            for position, (name, process) in enumerate(processes.items()):
                sample = process.do(do="hits", count=count, seed=100 * number + position)  # nobody reads for another
                if number:  # the first round is warming up
                    samples[name].append(sample)
        grown = [processes["Train"].do(do="memory", count=100_000)["grown"] for _ in range(2)]
        for process in processes.values():
            process.close()
        print(
            f"\n**A hit, {records:,} records**; median of {ROUNDS} rounds of {count}; load {os.getloadavg()[0]:.1f}\n"
        )
        print("| | p50, µs | p99, µs | CPU p50, µs | CPU p99, µs | p50 to sqlite3 |")
        print("|---|---|---|---|---|---|")
        floor = _median(samples["Sqlite"], "p50")
        for name, kind in self.contenders.items():
            if name in samples:
                cells = [_median(samples[name], column) for column in ("p50", "p99", "cpu_p50", "cpu_p99")]
                filled = "" if kind.most >= records else f" ({kind.most:,} records)"
                print(f"| {kind.label}{filled} | " + " | ".join(f"{cell:.1f}" for cell in cells), end="")
                print(f" | {cells[0] / floor:.1f} |")
        ours = {column: _median(samples["Train"], column) for column in samples["Train"][0]}
        print()
        most = next(most for size, most in BUDGETS.items() if records <= size)
        verdict(f"train(), {records:,} records, p50 in µs", ours["p50"], most)
        verdict(f"train(), {records:,} records, p99 in µs", ours["p99"], 1000)
        verdict(f"train(), {records:,} records, p99 of CPU in µs", ours["cpu_p99"], 1000)
        verdict("memory that 100,000 hits more took, in MB", max(0.0, grown[1]), 4)
        print(f"(the 100,000 before, of records not asked for till then: {grown[0]:.2f} MB)")

    def rates(self, records: int, seconds: float) -> None:
        """Measure one process, and four at once, of each contender."""
        print(
            f"\n**One process and four**, {records:,} records; {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}\n"
        )
        print("| | hits/s, one | hits/s, four | ratio | CPU of a hit, one, µs | four, µs | ratio on two free cores |")
        print("|---|---|---|---|---|---|---|")
        for name, kind in self.contenders.items():
            processes = [Process(self.work, name, records) for _ in range(4)]
            rates: dict[int, list[float]] = {1: [], 4: []}
            cpu: dict[int, list[float]] = {1: [], 4: []}
            for number in range(3):
                for many in (1, 4):
                    at = time.monotonic() + 1.5
                    answers = list(_all(processes[:many], do="rate", seconds=seconds, at=at, seed=number))
                    rates[many].append(sum(answer["rate"] for answer in answers))
                    cpu[many].append(statistics.mean(answer["cpu"] for answer in answers))
            for process in processes:
                process.close()
            one, four = (statistics.median(rates[many]) for many in (1, 4))
            cost, crowded = (statistics.median(cpu[many]) for many in (1, 4))
            cells = (
                f"{one:,.0f} | {four:,.0f} | {four / one:.2f} | {cost:.1f} | {crowded:.1f} | {2 * cost / crowded:.2f}"
            )
            print(f"| {kind.label} | {cells} |")
            if name == "Train":
                ours = (four / one, 2 * cost / crowded)
        print()
        verdict("train(), hits/s of four processes to those of one", ours[0], 1.7, is_floor=True)
        verdict("the same, from the CPU of a hit", ours[1], 1.7, is_floor=True)

    def digests(self) -> None:
        """Measure the first digest of the dataset."""
        process = Process(self.work, "Train", 1)
        measured = process.do(do="digests", rounds=ROUNDS)
        process.close()
        size = self.archive.dataset.stat().st_size / 1e6
        print(f"\n**First digest of {size:,.0f} MB**; median of {ROUNDS}; load {os.getloadavg()[0]:.1f}\n")
        print("| | s | MB/s | CPU, s |")
        print("|---|---|---|---|")
        medians = {name: statistics.median(values) for name, values in measured.items()}
        for name, label in (("ours", "motools"), ("theirs", "hashlib.file_digest")):
            print(f"| {label} | {medians[name]:.3f} | {size / medians[name]:,.0f} | {medians[f'{name}_cpu']:.3f} |")
        print()
        verdict("digest to hashlib", medians["ours"] / medians["theirs"], 1.1)
        verdict("digest to hashlib, CPU", medians["ours_cpu"] / medians["theirs_cpu"], 1.1)
        verdict("memory that it took, in MB", medians["memory"], 8)

    def together(self, first: int) -> None:
        """Have one new training asked for many times at once: in one process, and in four."""
        processes = [Process(self.work, "Train", 1) for _ in range(4)]
        jobs = self.archive.home / "dummy"
        print(f"\n**{CALLERS} callers of one new training at once**; {ROUNDS} rounds; load {os.getloadavg()[0]:.1f}\n")
        print("| processes | submissions a round | last after first, ms: median | worst |")
        print("|---|---|---|---|")
        for many in (1, 4):
            spreads, before = [], len(list(jobs.iterdir()))
            for number in range(ROUNDS):
                task = {"do": "together", "callers": CALLERS // many, "number": first + 10 * many + number}
                answers = list(_all(processes[:many], **task, at=time.monotonic() + 0.5))
                spreads.append(1e3 * (max(a["last"] for a in answers) - min(a["first"] for a in answers)))
            bill = (len(list(jobs.iterdir())) - before) / ROUNDS
            print(f"| {many} | {bill:g} | {statistics.median(spreads):.1f} | {max(spreads):.1f} |")
            if many == 1:
                ours = statistics.median(spreads)
            assert bill == 1, "paid more than once"
        for process in processes:
            process.close()
        print()
        verdict("last after first in one process, in ms", ours, 50)

    def puts(self, first: int, count: int) -> None:
        """Measure what it costs to store something new."""
        print(f"\n**Storing one**; {count} each; load {os.getloadavg()[0]:.1f}; no budget\n")
        print("| | p50, ms |")
        print("|---|---|")
        for position, (name, kind) in enumerate(self.contenders.items()):
            process = Process(self.work, name, 1)
            measured = process.do(do="puts", count=count, first=first + count * position)["p50"]
            process.close()
            print(f"| {PUTS.get(name, kind.label)} | {measured / 1e3:.2f} |")


PUTS = {
    "Train": "motools, a training from intent to submitted, with the dummy service",
    "Read": "motools, one transition of the ledger",
    "Sqlite": "sqlite3, synchronous = FULL",
    "Aiosqlite": "aiosqlite, synchronous = FULL",
    "Diskcache": "diskcache, synchronous = NORMAL",
    "Joblib": "joblib.Memory, not synchronised",
}


def warm(work: Path) -> None:
    """Read the databases through, so that none is read from the disk while it is measured."""
    for path in [*work.glob("*.db"), *work.glob("*/*.db")]:
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


def _all(processes: list[Process], **task: Any) -> Iterator[dict[str, Any]]:
    for process in processes:
        process.begin(**task)
    for process in processes:
        yield process.end()


def _median(samples: list[dict[str, float]], column: str) -> float:
    return statistics.median(sample[column] for sample in samples)


def verdict(what: str, value: float, budget: float, *, is_floor: bool = False) -> None:
    """Say whether a budget holds."""
    is_held = value >= budget if is_floor else value <= budget
    words = f"{value:.2f}; budget at {'least' if is_floor else 'most'} {budget:g}"
    print(f"{what}: {words}: {'held' if is_held else 'MISSED'}")


def install(work: Path) -> None:
    """Install the other contenders' libraries, unless they are there."""
    if not (work / "libraries").exists():
        subprocess.run([sys.executable, "-m", "venv", work / "installer"], check=True)
        pip = work / "installer" / "bin" / "pip"
        subprocess.run([pip, "install", "--quiet", "--target", work / "libraries", *LIBRARIES], check=True)


def run(work: Path, options: argparse.Namespace) -> None:
    """Set up, measure and report."""
    work.mkdir(parents=True, exist_ok=True)
    install(work)
    os.environ["MOTOOLS_HOME"] = str(work / "home")
    sys.path[:0] = [str(HERE), str(work / "libraries")]
    benchmark = Benchmark(work, options.only)
    benchmark.archive.make_dataset(options.megabytes)
    print(f"Python {platform.python_version()}, {sys.platform}, {os.cpu_count()} cores; {', '.join(LIBRARIES)}")
    for position, records in enumerate(options.records):
        benchmark.fill(records)
        benchmark.hits(records, options.hits, is_first=position == 0)
        if position == 0:
            benchmark.rates(records, options.seconds)
    benchmark.digests()
    new = int(time.time()) * 1000
    benchmark.together(new)
    benchmark.puts(new + 500, 50)


def numbers(text: str) -> list[int]:
    """Read "1000,2000"."""
    return [int(number) for number in text.split(",")]


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="kept; without it a temporary directory, which is removed")
    parser.add_argument("--records", type=numbers, default=[100_000, 1_000_000])
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the dataset")
    parser.add_argument("--hits", type=int, default=5000, help="in a round")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round of several processes")
    parser.add_argument("--only", nargs="*", default=["Train", "Read", "Sqlite", "Aiosqlite", "Diskcache", "Joblib"])
    options = parser.parse_args()
    if options.work:
        run(options.work.resolve(), options)
        return
    with tempfile.TemporaryDirectory(prefix="motools-benchmark-cache-") as work:
        run(Path(work), options)


if __name__ == "__main__":
    main()
