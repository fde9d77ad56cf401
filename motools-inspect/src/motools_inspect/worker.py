"""The process that evaluates: `python -m motools_inspect.worker JOB_DIRECTORY`.

What Inspect can only be told before it is imported is told here; everything else is in `motools_inspect.running`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.detached import run_worker
from motools.errors import MotoolsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.detached import Worker


def evaluate(worker: Worker) -> Mapping[str, Any]:
    """Do the evaluation of a job's directory and return its result."""
    prepare(worker.spec, os.environ)
    if Path(worker.spec["cwd"]).is_dir():
        os.chdir(worker.spec["cwd"])
    with worker.expendable():  # for seconds, and nothing has been begun
        from motools_inspect.running import run
    return run(worker)


def prepare(spec: Mapping[str, Any], environment: dict[str, str] | os._Environ[str]) -> None:
    """Set the variables that Inspect and the libraries of its providers read when they are imported."""
    environment["INSPECT_DISPLAY"] = "none"
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")
    references = [spec["model"], *spec["model_roles"].values()]
    paths = [path for reference in references if (path := reference["args"].get("model_path"))]
    if paths and all(Path(path).is_dir() for path in paths):
        # Everything is here: without this the hub is asked for the name, and offline that takes a minute of retries.
        environment["HF_HUB_OFFLINE"] = "1"


def explain(error: BaseException) -> str | None:
    """Return what went wrong in a sentence, for errors whose own words are enough."""
    return str(error) if isinstance(error, MotoolsError) else None


if __name__ == "__main__":
    run_worker(sys.argv[1], evaluate, explain=explain)
