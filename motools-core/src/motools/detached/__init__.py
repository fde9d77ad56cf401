"""Work that outlives the process that asked for it, with a directory as its source of truth.

A backend whose work happens on this machine (training locally, driving a remote training loop, evaluating) writes down
what is to be done and starts a detached worker. Everything about the work is then in its directory:

    spec.json      what is to be done: written once, before any worker starts
    status.json    how it stands, replaced atomically: state, attempt, pid, step, total, loss, error, result
    lock           held by the worker as long as it lives; the kernel lets go of it however the worker dies
    heartbeat      touched every few seconds by a worker that is not stuck
    cancel         there as soon as somebody has asked for the work to be cancelled
    reserve        space given up when the disk is full, so that the last word can still be written
    log.txt        what the worker prints

The asking side creates and watches a `WorkDirectory`:

    work = WorkDirectory.create(path, spec={...}, module="motools_local.worker")
    work.start()                   # unless a worker is alive, or the work has ended
    status = await work.wait()     # starts a worker again when one has died

A training is watched by a handle that is a `DetachedTrainingRun`. The worker's module ends with

    if __name__ == "__main__":
        run_worker(sys.argv[1], train)     # train(worker) -> result

States: queued -> running -> succeeded | failed | cancelled. Where the file says queued or running and nobody holds the
lock, the work is *interrupted*: no state of the file but a finding of the reader, mended by starting a worker again,
which goes on from the last checkpoint. A worker that is sent SIGTERM without a cancellation (the system goes down) saves
a checkpoint and leaves the work interrupted; so does one that cannot go on through no fault of the work (a key that the
service refuses), and says why. A worker that dies again and again without getting further makes the work
failed. The lock is handed to the worker by the starter, already held: there is no moment at which two can start.

POSIX only (Linux, macOS): locks and signals are the system's own. One host: a directory that another machine works in
is refused.
"""

from motools.detached.directory import WorkDirectory, spawn
from motools.detached.following import follow_log
from motools.detached.lock import VARIABLE as LOCK_VARIABLE
from motools.detached.ownership import own_directory
from motools.detached.rows import keep_rows, read_rows
from motools.detached.status import WorkState, WorkStatus, as_sentence
from motools.detached.training import DetachedTrainingRun
from motools.detached.worker import CancelRequested, CannotGoOn, Worker, run_here, run_worker

__all__ = [
    "LOCK_VARIABLE",
    "CancelRequested",
    "CannotGoOn",
    "DetachedTrainingRun",
    "WorkDirectory",
    "WorkState",
    "WorkStatus",
    "Worker",
    "as_sentence",
    "follow_log",
    "keep_rows",
    "own_directory",
    "read_rows",
    "run_here",
    "run_worker",
    "spawn",
]
