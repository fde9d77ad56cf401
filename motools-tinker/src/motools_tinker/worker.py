"""The driver's process: `python -m motools_tinker.worker RUN_DIRECTORY`.

Nothing slow is imported before the driver has said that it lives, so that it can be watched and cancelled from its first
moment on. The key is in the environment of whoever started it.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from motools.detached import run_worker
from motools_tinker import adopting, encoding, trained
from motools_tinker.problems import explain
from motools_tinker.spec import DATA, VALIDATION, TrainingSpec

if TYPE_CHECKING:
    from motools.detached import Worker

log = logging.getLogger("motools.tinker")


def work(worker: Worker) -> dict[str, Any]:
    """Train, or go on with it, and return what there is to know about the trained model."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    os.umask(0o077)
    spec = TrainingSpec.of(worker.spec)
    if spec.adopted:
        return adopting.result(spec)
    log.info("run %s, attempt %d, process %d", worker.path.name, worker.attempt, os.getpid())
    worker.progress(message="loading")
    worker.flush()
    if spec.options.project_id is None:  # nor does the SDK take one from whoever resumes the run
        os.environ.pop("TINKER_PROJECT_ID", None)
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}
    with worker.expendable():
        from motools_tinker.driver import Driver
    result = Driver(worker, spec).run()
    trained.note(worker.path.parents[1], result["model"], spec, result.get("tokenizer"))
    for name in (DATA, VALIDATION):
        encoding.forget(worker.path / name)
    return result


if __name__ == "__main__":
    run_worker(sys.argv[1], work, explain=explain)
