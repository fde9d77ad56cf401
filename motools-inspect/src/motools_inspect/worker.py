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
from motools_inspect.environment import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.detached import Worker


def evaluate(worker: Worker) -> Mapping[str, Any]:
    """Do the evaluation of a job's directory and return its result."""
    worker.progress(message="starting")
    os.umask(0o077)
    if Path(worker.spec["cwd"]).is_dir():
        os.chdir(worker.spec["cwd"])
    load()
    prepare(worker.spec, os.environ)
    labels = ", ".join(task["label"] for task in worker.spec["tasks"])
    print(f"evaluating {worker.spec['model']['model']} on {labels}", flush=True)  # noqa: T201  (the log)
    with worker.expendable():  # for seconds, and nothing has been begun
        from motools_inspect.running import run
    return run(worker)


def prepare(spec: Mapping[str, Any], environment: dict[str, str] | os._Environ[str]) -> None:
    """Set the variables that Inspect and the libraries of its providers read when they are imported."""
    environment.setdefault("INSPECT_DISPLAY", "log")  # into the log of the job; it writes least
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")
    references = [spec["model"], *spec["model_roles"].values()]
    places = [reference["args"].get("model_path", "") for reference in references if is_local(reference)]
    if places and all(Path(place).is_dir() for place in places):
        # Everything is here: without this the hub is asked for the name, and offline that takes a minute of retries.
        environment["HF_HUB_OFFLINE"] = "1"
        if "huggingface_hub" in sys.modules:  # some installed task imports it, and it has not been told
            sys.modules["huggingface_hub"].constants.HF_HUB_OFFLINE = True


def is_local(reference: Mapping[str, Any]) -> bool:
    """Whether a model runs in this process."""
    return str(reference["model"]).startswith("hf/")


def explain(error: BaseException) -> str | None:
    """Return what went wrong in a sentence, for errors whose own words are enough."""
    return str(error) if isinstance(error, MotoolsError) else None


def main(path: str) -> None:
    """Do the evaluation of a job's directory in this process; does not return."""
    run_worker(path, evaluate, explain=explain)


if __name__ == "__main__":
    main(sys.argv[1])
