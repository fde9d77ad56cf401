"""A worker that does what its spec says: counts steps, and at some of them does something else.

{"steps": 5, "at": {"3": "hold"}}
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from motools.detached import CannotGoOn, run_worker

HOLD = "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); time.sleep(100)"


def work(worker):
    done = worker.path / "done"
    step = int(done.read_text()) if done.exists() else 0
    while step < worker.spec["steps"]:
        step += 1
        worker.progress(step=step, total=worker.spec["steps"], loss=1 / step)
        worker.flush()
        act(worker, worker.spec.get("at", {}).get(str(step)))
        worker.check_cancel()
        done.write_text(str(step))
        print("step", step, flush=True)  # noqa: T201  (the log)
    return {"pid": os.getpid(), "attempt": worker.attempt, "what": worker.spec.get("what")}


def act(worker, deed):  # noqa: C901, PLR0912  (a list of deeds)
    match deed:
        case "hold":
            while not (worker.path / "go").exists() and not worker.cancel_requested:
                time.sleep(0.01)
        case "hold without listening":
            with worker.expendable():
                time.sleep(60)
        case "be deaf":
            subprocess.run([sys.executable, "-c", HOLD, worker.path / "child"], check=True)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once" if worker.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave a child behind":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], close_fds=False)
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave a fork behind":
            if os.fork() == 0:
                time.sleep(30)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        case "fill the disk":
            fill(os.open(worker.path / "ballast", os.O_WRONLY | os.O_CREAT, 0o600), 65536)
            fill(os.open(worker.path / "ballast", os.O_WRONLY | os.O_APPEND), 1)
            fill(sys.stdout.fileno(), 1)
            raise OSError(errno.ENOSPC, "No space left on device")
        case "write to a full disk":
            with Path("/dev/full").open("wb") as full:
                full.write(b"last words")
        case "run out of memory":
            raise MemoryError
        case "run out of quota":
            raise OSError(errno.EDQUOT, "Disk quota exceeded", "/data/weights")
        case "need something" if not (worker.path / "something").exists():
            raise CannotGoOn("There is no something. Bring it, and wait again.")
        case "fail":
            raise ValueError("the numbers do not add up")


def fill(descriptor, piece):
    with contextlib.suppress(OSError):
        while True:
            os.write(descriptor, b"x" * piece)


if __name__ == "__main__":
    run_worker(sys.argv[1], work)
