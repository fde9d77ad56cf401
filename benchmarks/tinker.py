"""What a training over the Tinker API costs beside a loop with the bare SDK: steps a second, CPU and memory of the client.

    python benchmarks/tinker.py [ROUNDS]   # makes the test server's environment, once; some five minutes

All contenders train the same steps on the same server (TuFT on the loopback, see tests/tinker), with no latency and with
100 ms put before every request by the server. The last two do so at the same time, so that whatever else the machine does
befalls both alike; the first has the server to itself. A figure is the mean of the rounds.

    serial      each request is waited for
    pipelined   everything is submitted at once, and then collected
    motools     a driver, with its run directory, metrics and log; a state at the beginning, every 20 steps, and at the end
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != HERE]  # this file is not the SDK
sys.path += [str(HERE.parent / "tests" / "tinker"), str(HERE)]

from tinker_contender import BATCH, MODEL, RANK, RATE, conversation  # noqa: E402  (a script beside this one)
from tinker_server import KEY, environment, make_model, serving  # noqa: E402  (in tests/tinker)

ROUNDS = 3
STEPS = {0.1: 40, 0.0: 80}
"""Steps of a contender, by the latency in seconds."""
RENDERED = (10_000, 100_000)


def contender(*given: object) -> dict[str, float]:
    """Run a contender and return what it measured."""
    command = [sys.executable, HERE / "tinker_contender.py", *given]
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


async def driven(steps: int) -> dict[str, float]:
    """Train with a driver; its CPU is read while it lives, from its first step on."""
    from motools_tinker.training import TinkerTrainingBackend

    data = [conversation(number) for number in range(BATCH * 8)]
    wanted = {"max_steps": steps, "batch_size": BATCH, "learning_rate": RATE, "lora_rank": RANK, "save_every": 20}
    run = await TinkerTrainingBackend().train(data, MODEL, wanted)
    seen: list[tuple[int, float, float]] = []
    waiting = asyncio.create_task(run.wait())
    while not waiting.done():
        status = run.work.status()
        if status.pid and status.step and not status.state.is_terminal:
            try:
                process = psutil.Process(status.pid)
                seen.append((status.step, sum(process.cpu_times()[:2]), process.memory_info().rss / 2**20))
            except psutil.NoSuchProcess:
                break
        await asyncio.sleep(0.1)
    await waiting
    seconds = sum(row["seconds"] for row in await run.metrics())
    (first, before, _), (last, after, megabytes) = seen[0], seen[-1]
    return {"seconds": seconds, "cpu": (after - before) / max(1, last - first) * steps, "megabytes": megabytes}


async def side_by_side(url: str, tokenizer: Path, steps: int) -> list[dict[str, float]]:
    """Train with the pipelined loop and with a driver at the same time."""
    raw = asyncio.to_thread(contender, "pipelined", url, tokenizer, steps)
    return list(await asyncio.gather(raw, driven(steps)))


def measure(url: str, tokenizer: Path, steps: int, rounds: int) -> dict[str, dict[str, float]]:
    """Let the contenders train, and return the means of each."""
    found: dict[str, list[dict[str, float]]] = {"serial": [], "pipelined": [], "motools": []}
    for _ in range(rounds):
        found["serial"].append(contender("serial", url, tokenizer, steps))
        pipelined, motools = asyncio.run(side_by_side(url, tokenizer, steps))
        found["pipelined"].append(pipelined)
        found["motools"].append(motools)
    return {
        name: {field: statistics.fmean(each[field] for each in measured) for field in measured[0]}
        for name, measured in found.items()
    }


def show(title: str, steps: int, measured: dict[str, dict[str, float]]) -> None:
    """Print a table in Markdown."""
    print(f"\n{title}\n\n| | steps a second | of pipelined | CPU, ms a step | memory, MB |\n|---|---|---|---|---|")
    best = steps / measured["pipelined"]["seconds"]
    for name, each in measured.items():
        pace = steps / each["seconds"]
        print(
            f"| {name} | {pace:.1f} | {pace / best:.2f} | {1000 * each['cpu'] / steps:.1f} | {each['megabytes']:.0f} |"
        )


def main(rounds: int = ROUNDS) -> None:
    """Do what the module's docstring says."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        python = environment()
        make_model(python, place / "model")
        with serving(python, place / "model", place / "server") as server:
            os.environ |= {"TINKER_BASE_URL": server.url, "TINKER_API_KEY": KEY, "HF_HUB_OFFLINE": "1"}
            os.environ["MOTOOLS_HOME"] = str(place / "home")
            for latency, steps in STEPS.items():
                server.wish(latency=latency)
                show(
                    f"{1000 * latency:.0f} ms before each request, {steps} steps",
                    steps,
                    measure(server.url, place / "model", steps, rounds),
                )
            server.wish()
        rendered: dict[int, Any] = {number: contender("render", place / "model", number) for number in RENDERED}
    print("\n| conversations rendered | a second of CPU | memory that it took, MB | in all, MB |\n|---|---|---|---|")
    for number, each in rendered.items():
        print(f"| {number:,} | {number / each['cpu']:,.0f} | {each['grown']:.1f} | {each['megabytes']:.0f} |")
    print(f"\nload average {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
