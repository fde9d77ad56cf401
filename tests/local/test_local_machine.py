"""Sharing a machine, and saying what went wrong with it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from motools.errors import ModelNotFound
from motools_local.cores import Slots, usable_cores
from motools_local.problems import explain


def test_a_slot_is_free_again_when_its_holder_is_dead(tmp_path):
    code = "import sys; from pathlib import Path; from motools_local.cores import Slots;"
    code += "assert Slots(Path(sys.argv[1]), 1).take() is not None; print('taken', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"taken\n"
        assert Slots(tmp_path, 1).take() is None
        assert Slots(tmp_path, 2).take() is not None
        holder.kill()
    descriptor = Slots(tmp_path, 1).take()
    assert descriptor is not None
    os.close(descriptor)


def test_a_run_uses_no_more_cores_than_it_may():
    assert 1 <= usable_cores() <= os.cpu_count()
    if hasattr(os, "sched_setaffinity"):
        code = "import os; from motools_local.cores import usable_cores;"
        code += "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(usable_cores())"
        assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"1\n"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "No space left on device", "weights"), "The disk is full."),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 5120 vs 5012"), "The disk is full."),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "The disk is full."),
        (MemoryError(), "Out of memory."),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "Out of memory."),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "Out of memory."),
        (ModelNotFound("There is no such model."), "There is no such model."),
    ],
)
def test_what_goes_wrong_is_told_in_words(error, sentence):
    assert explain(error).startswith(sentence)
    wrapped = RuntimeError("something failed")
    wrapped.__cause__ = error
    assert explain(wrapped).startswith(sentence)


def test_what_has_no_better_words_keeps_its_own():
    assert explain(ValueError("a bug")) is None
