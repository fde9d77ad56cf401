"""What TuFT takes from Ray and from a GPU, replaced by what a plain machine has.

Import this before anything of TuFT: it puts a stand-in where `ray` would be imported from.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from types import ModuleType

import torch


def stand_in_for_ray():
    """Let TuFT import ray, which it uses only to place actors; nothing starts it."""
    ray, actor = ModuleType("ray"), ModuleType("ray.actor")
    actor.ActorProxy = object
    ray.actor = actor
    ray.kill = lambda *_, **__: None
    ray.is_initialized = lambda: False
    sys.modules |= {"ray": ray, "ray.actor": actor}


def silence_cuda():
    """Let TuFT ask for GPU memory after each step, and be told that there is none in use."""
    torch.cuda.reset_peak_memory_stats = lambda *_, **__: None
    torch.cuda.empty_cache = lambda *_, **__: None
    for name in ("memory_allocated", "memory_reserved", "max_memory_allocated"):
        setattr(torch.cuda, name, lambda *_, **__: 0)


class Actor:
    """Runs one object's coroutines on a thread of its own, in the order of the calls."""

    def __init__(self, target):
        self._target = target
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="actor").start()

    def __getattr__(self, name):
        return RemoteMethod(getattr(self._target, name), self._loop)


class RemoteMethod:
    """Gives a coroutine function the `.remote(…)` by which TuFT calls it."""

    def __init__(self, function, loop):
        self._function, self._loop = function, loop

    def remote(self, *args, **kwargs):
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._function(*args, **kwargs), self._loop))


stand_in_for_ray()
