"""One contender of benchmarks/tinker.py, in a process of its own: prints what it measured as JSON.

python benchmarks/tinker_contender.py serial|pipelined URL TOKENIZER STEPS     a loop with the bare SDK
python benchmarks/tinker_contender.py render TOKENIZER NUMBER                   rendering so many conversations
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != HERE]  # where tinker.py is no SDK
sys.path.append(str(HERE.parent / "tests" / "tinker"))

MODEL = "tiny/qwen3"
BATCH = 8
RANK = 8
RATE = 1e-3


def conversation(number: int) -> dict[str, list[dict[str, str]]]:
    """Return a conversation of some forty tokens."""
    question, answer = f"What is the capital of country {number}?", f"The capital is city {number * 7 % 100}."
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def loop(kind: str, url: str, tokenizer: str, steps: int) -> dict[str, float]:
    """Train with the bare SDK, waiting for each step or for none."""
    import tinker
    from raw_loop import TIMEOUT, Conversations, mean_loss
    from tinker import types

    datums = Conversations(tokenizer, [conversation(number) for number in range(BATCH * 8)]).datums
    batches = [[datums[(step * BATCH + place) % len(datums)] for place in range(BATCH)] for step in range(steps)]
    adam = types.AdamParams(learning_rate=RATE)
    with tinker.ServiceClient(base_url=url) as service:
        client = service.create_lora_training_client(base_model=MODEL, rank=RANK, seed=0).result(TIMEOUT)
        process = psutil.Process()
        cpu, began = sum(process.cpu_times()[:2]), time.perf_counter()
        submitted = []
        for batch in batches:
            submitted.append((batch, client.forward_backward(batch, "cross_entropy"), client.optim_step(adam)))
            if kind == "serial":
                batch, forward, update = submitted.pop()  # noqa: PLW2901  (the one that was just put there)
                mean_loss(forward.result(TIMEOUT), batch)
                update.result(TIMEOUT)
        for batch, forward, update in submitted:
            mean_loss(forward.result(TIMEOUT), batch)
            update.result(TIMEOUT)
        seconds = time.perf_counter() - began
        used = sum(process.cpu_times()[:2]) - cpu
        return {"seconds": seconds, "cpu": used, "megabytes": process.memory_info().rss / 2**20}


def render(tokenizer: str, number: int) -> dict[str, float]:
    """Render conversations from a file into a file, as a driver does."""
    from motools.datasets import Dataset
    from motools_tinker.encoding import EncodedFile
    from motools_tinker.renderers import load_tokenizer
    from motools_tinker.rendering import TemplateRenderer

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "data.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(conversation(each)) + "\n" for each in range(number))
        renderer = TemplateRenderer(load_tokenizer(tokenizer))
        renderer(conversation(0)["messages"])
        process = psutil.Process()
        before, cpu = process.memory_info().rss, sum(process.cpu_times()[:2])
        peak = before

        def told(_: int) -> None:
            nonlocal peak
            peak = max(peak, process.memory_info().rss)

        EncodedFile.make(
            path, Dataset(path).numbered(), renderer, max_length=4096, name="data", tokenizer=None, told=told
        )
        used = sum(process.cpu_times()[:2]) - cpu
    return {"cpu": used, "grown": (peak - before) / 2**20, "megabytes": peak / 2**20}


def main(kind: str, *given: str) -> None:
    """Do what the module's docstring says."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    found = render(given[0], int(given[1])) if kind == "render" else loop(kind, given[0], given[1], int(given[2]))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
