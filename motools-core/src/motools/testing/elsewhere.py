"""Do one thing with a backend's class in a process of its own: `python -m motools.testing.elsewhere`.

    wait MODULE:CLASS HANDLE       load a saved handle, wait for it, print what it came to
    metrics MODULE:CLASS HANDLE    load a saved run, print what was measured
    busy MODULE:CLASS HANDLE       load a saved handle of live work, wait for it for a moment, print where that keeps the event loop busy
    construct MODULE:CLASS JSON    construct a backend with these options, print which modules that imported
    key MODULE:CLASS JSON          construct a backend with these options, print the key of a request to it

The last line of the output is JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import sys
import threading
import time
from collections import deque
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import FrameType

PROCESSES = 2
"""How many processes are to be asked for the key of one request."""
LOOKS, BETWEEN_LOOKS, LOOKS_AT_MOST = 20, 0.02, 200
"""How often and how many seconds apart it is looked whether an event loop is busy: the last LOOKS are judged."""
_constructed: dict[tuple[type, str], set[str]] = {}


async def wait_elsewhere(handle_class: type, path: Path) -> Any:
    """Return what a saved handle comes to in another process: the model's id, or the metrics."""
    return await _run("wait", handle_class, str(path))


async def metrics_elsewhere(run_class: type, path: Path) -> Any:
    """Return the metrics of a saved run as another process has them."""
    return await _run("metrics", run_class, str(path))


async def busy_elsewhere(handle_class: type, path: Path) -> str:
    """Return where waiting on a saved handle keeps another process's event loop busy, or "" where the loop mostly sleeps."""
    return str(await _run("busy", handle_class, str(path)))


async def modules_of_construction(backend_class: type, options: dict[str, Any]) -> set[str]:
    """Return the modules that a fresh process has imported once it has constructed a backend; asked once for each."""
    how = (backend_class, json.dumps(options, sort_keys=True))
    if how not in _constructed:
        _constructed[how] = set(await _run("construct", *how))
    return _constructed[how]


async def keys_elsewhere(
    backend_class: type,
    options: dict[str, Any],
    request: Mapping[str, Any],
    directory: Path,
    variables: Sequence[Mapping[str, str]],
) -> list[str]:
    """Return the keys that a request has in some processes, each with variables, a hash seed and a home of its own."""
    argument = json.dumps({"options": options, **request})
    places = [
        {**own, "PYTHONHASHSEED": str(seed), "MOTOOLS_HOME": str(directory / f"home{seed}")}
        for seed, own in enumerate(variables, 1)
    ]
    return list(await asyncio.gather(*(_run("key", backend_class, argument, **place) for place in places)))


async def _run(command: str, subject: type, argument: str, **variables: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "motools.testing.elsewhere",
        command,
        f"{subject.__module__}:{subject.__qualname__}",
        argument,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = errors.decode(errors="replace").strip()
        last = said.rpartition("\n")[2] or f"exit status {process.returncode}"
        raise AssertionError(f"In another process, {command} {subject.__qualname__} failed: {last}\n{said}")
    return json.loads(output.decode().strip().splitlines()[-1])


def _main(command: str, subject: str, argument: str) -> None:
    module, _, qualname = subject.partition(":")
    subject_class = attrgetter(qualname)(import_module(module))
    if command == "construct":
        subject_class(**json.loads(argument))
        answer: Any = sorted(sys.modules)
    elif command == "key":
        answer = asyncio.run(_key(subject_class, **json.loads(argument)))
    else:
        ask = {"wait": _wait, "metrics": _metrics, "busy": _wait_and_be_watched}[command]
        answer = asyncio.run(ask(subject_class, argument))
    _say(answer)


def _say(answer: Any) -> None:
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
    sys.stdout.flush()


async def _key(backend_class: Any, options: dict[str, Any], arguments: Sequence[Any], keywords: dict[str, Any]) -> str:
    from motools.cache.memory import MemoryLedger
    from motools.evals.backends.cached import CachedEvalBackend
    from motools.evals.base import EvalBackend
    from motools.training.backends.cached import CachedTrainingBackend

    cached: Any = CachedEvalBackend if issubclass(backend_class, EvalBackend) else CachedTrainingBackend
    backend = cached(backend_class(**options), MemoryLedger())
    try:
        return str((await backend.draft(*arguments, **keywords)).key)
    finally:
        await backend.aclose()


async def _wait(handle_class: Any, path: str) -> Any:
    handle = await handle_class.load(path)
    waited = await handle.wait()
    return getattr(waited, "metrics", waited)


async def _wait_and_be_watched(handle_class: Any, path: str) -> Any:
    handle = await handle_class.load(path)
    threading.Thread(target=_watch, args=(threading.get_ident(),), daemon=True).start()
    return await handle.wait()


def _watch(ident: int) -> None:
    """Look at the stack of the thread with an event loop until the loop mostly sleeps, or for seconds; say so and end the process.

    A loop that has nothing to do sleeps in its selector, on however slow a machine.
    """
    looks: deque[str] = deque(maxlen=LOOKS)
    for _ in range(LOOKS_AT_MOST):
        time.sleep(BETWEEN_LOOKS)
        looks.append(_place_of(sys._current_frames()[ident]))
        if len(looks) == LOOKS and looks.count("") > LOOKS / 2:
            break
    busy = [place for place in looks if place]
    _say(max(busy, key=busy.count) if len(busy) >= LOOKS / 2 else "")
    os._exit(0)


def _place_of(frame: FrameType) -> str:
    """Return what a thread with an event loop does just now, or "" where it sleeps in its selector."""
    code = frame.f_code
    is_asleep = code.co_filename == selectors.__file__ and code.co_name == "select"
    return "" if is_asleep else f"{code.co_filename}:{frame.f_lineno} in {code.co_name}()"


async def _metrics(run_class: Any, path: str) -> Any:
    run = await run_class.load(path)
    return [dict(row) for row in await run.metrics()]


if __name__ == "__main__":
    _main(*sys.argv[1:])

__all__ = ["busy_elsewhere", "keys_elsewhere", "metrics_elsewhere", "modules_of_construction", "wait_elsewhere"]
