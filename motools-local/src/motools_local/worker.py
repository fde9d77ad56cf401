"""The worker process of a training run: `python -m motools_local.worker RUN_DIRECTORY`.

Nothing slow is imported before the worker has said that it lives, so that it can be watched and cancelled from its
first moment on.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.detached import run_worker
from motools_local.cores import Slots
from motools_local.problems import explain
from motools_local.spec import TrainingSpec

if TYPE_CHECKING:
    from motools.detached import Worker

log = logging.getLogger("motools.local")
TURN_POLL = 0.2
"""Seconds between two looks whether it is this run's turn."""


def work(worker: Worker) -> dict[str, Any]:
    """Wait for this run's turn, and train."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    os.umask(0o077)
    spec = TrainingSpec.of(worker.spec)
    log.info("run %s, attempt %d, process %d", worker.path.name, worker.attempt, os.getpid())
    wait_for_turn(worker, spec)
    worker.progress(message="loading")
    worker.flush()
    prepare_environment(spec)
    with worker.expendable():
        from motools_local.trainer import train
    return train(worker, spec)


def wait_for_turn(worker: Worker, spec: TrainingSpec) -> None:
    """Wait until fewer than `runs_at_once` other runs train on this machine."""
    slots = Slots(Path(spec.slots), spec.runs_at_once)
    is_told = False
    # The slot is given back by the end of the process, whichever way it ends.
    while slots.take() is None:
        if not is_told:
            log.info("waiting: %d other run(s) are training on this machine", spec.runs_at_once)
            worker.progress(message="waiting for another run on this machine to end")
            worker.flush()
            is_told = True
        worker.check_cancel()
        time.sleep(TURN_POLL)


def prepare_environment(spec: TrainingSpec) -> None:
    """Set what torch and transformers read when they are imported."""
    threads = str(spec.threads)
    os.environ |= {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        # Threads that spin while they wait keep a busy core from whoever would let them go on: measured on two cores
        # under a load of seven, a step takes 10 s with spinning and 3 s without.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TQDM_DISABLE": "1",
    }
    # transformers would spread a batch over all GPUs it sees, which changes what a batch is.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")


if __name__ == "__main__":
    run_worker(sys.argv[1], work, explain=explain)
