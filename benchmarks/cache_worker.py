"""One process of `cache.py`: does what it is told, a line of JSON each, and answers with what it measured.

python benchmarks/cache_worker.py WORK CONTENDER RECORDS
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from cache_contenders import CONTENDERS, Contender
from cache_ledger import Archive, resident_mb

import motools
from motools.cache.digests import digest


class Worker:
    """The process, and the contender in it."""

    def __init__(self, archive: Archive, contender: Contender, records: int) -> None:
        self.archive = archive
        self.contender = contender
        self.records = records

    async def hits(self, count: int, seed: int) -> dict[str, float]:
        """Look up random records one after the other; microseconds of each, by the clock and of CPU."""
        chance = random.Random(seed)  # noqa: S311 (any order will do)
        asked = [self.contender.asked(chance.randrange(self.records)) for _ in range(count)]
        elapsed, used = [], []
        get, clock, cpu = self.contender.get, time.perf_counter_ns, time.thread_time_ns
        for each in asked:
            used_before, before = cpu(), clock()
            is_hit = await get(each)
            elapsed.append(clock() - before)
            used.append(cpu() - used_before)
            assert is_hit, each
        elapsed.sort()
        used.sort()
        p50, p99 = count // 2, count * 99 // 100
        return {
            "p50": elapsed[p50] / 1e3,
            "p99": elapsed[p99] / 1e3,
            "cpu_p50": used[p50] / 1e3,
            "cpu_p99": used[p99] / 1e3,
        }

    async def memory(self, count: int) -> dict[str, float]:
        """Look up so many records; by how many MB this process has grown."""
        chance, before = random.Random(0), resident_mb()  # noqa: S311 (any order will do)
        for _ in range(count):
            await self.contender.get(self.contender.asked(chance.randrange(self.records)))
        return {"grown": resident_mb() - before}

    async def rate(self, seconds: float, at: float, seed: int) -> dict[str, float]:
        """Look up for so long, from a moment that all processes share; hits a second, and CPU of one."""
        chance = random.Random(seed)  # noqa: S311 (any order will do)
        asked = [self.contender.asked(chance.randrange(self.records)) for _ in range(5000)]
        await self.contender.get(asked[0])
        await asyncio.sleep(max(0, at - time.monotonic()))
        count, cpu, end = 0, time.process_time(), time.monotonic() + seconds
        while time.monotonic() < end:
            for each in asked[count % 5000 : count % 5000 + 50]:
                await self.contender.get(each)
            count += 50
        return {"rate": count / (time.monotonic() - end + seconds), "cpu": (time.process_time() - cpu) / count * 1e6}

    async def puts(self, count: int, first: int) -> dict[str, float]:
        """Store new records one after the other; microseconds of each."""
        elapsed = []
        for number in range(first, first + count):
            asked, before = self.contender.asked(number), time.perf_counter_ns()
            await self.contender.put(asked)
            elapsed.append(time.perf_counter_ns() - before)
        elapsed.sort()
        return {"p50": elapsed[count // 2] / 1e3}

    async def together(self, callers: int, number: int, at: float) -> dict[str, float]:
        """Ask for one new training many times at once; when the first and the last were answered."""
        backend = motools.get_training_backend("dummy")

        async def call() -> float:
            await backend.train(**self.archive.new_request(number))
            return time.monotonic()

        await backend.train(**self.archive.request(0))
        await asyncio.sleep(max(0, at - time.monotonic()))
        answered = await asyncio.gather(*(call() for _ in range(callers)))
        return {"first": min(answered), "last": max(answered)}

    async def digests(self, rounds: int) -> dict[str, list[float]]:
        """Digest the dataset by turns with us and with hashlib; seconds by the clock and of CPU, and MB that it took."""
        path, memory = self.archive.dataset, resident_mb()
        measured: dict[str, list[float]] = {"ours": [], "theirs": [], "ours_cpu": [], "theirs_cpu": []}
        for _ in range(rounds):
            for who in ("ours", "theirs"):
                clock, cpu = time.perf_counter(), time.process_time()
                found = (await digest(str(path))).sha256 if who == "ours" else _hashlib(path)
                measured[who].append(time.perf_counter() - clock)
                measured[f"{who}_cpu"].append(time.process_time() - cpu)
                measured.setdefault("sha256", found)  # type: ignore[arg-type]  # compared, and not reported
                assert measured["sha256"] == found
        del measured["sha256"]
        return {**measured, "memory": [resident_mb() - memory]}


def _hashlib(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def main() -> None:
    """Obey the lines of the standard input."""
    work, name, records = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    archive = Archive(work)
    contender = CONTENDERS[name](archive, await archive.template())
    await contender.open()
    worker = Worker(archive, contender, min(records, contender.most))
    try:
        for line in sys.stdin:
            task: dict[str, Any] = json.loads(line)
            print(json.dumps(await getattr(worker, task.pop("do"))(**task)), flush=True)
    finally:
        await contender.close()


if __name__ == "__main__":
    asyncio.run(main())
