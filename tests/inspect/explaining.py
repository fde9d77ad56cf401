"""Say what is wrong with jobs: `python -m explaining DIRECTORY…` tries each, as a worker does, and prints a sentence.

All of them in one process: what Inspect does before its first evaluation takes longer than everything else.
"""

from __future__ import annotations

import sys

from motools.detached import WorkDirectory, Worker
from motools_inspect.worker import evaluate, explain

if __name__ == "__main__":
    for place in sys.argv[1:]:
        directory = WorkDirectory(place, module="none")
        try:
            evaluate(Worker(directory, directory.status()))
        except Exception as error:  # noqa: BLE001  (that it is one sentence is what is tested)
            print(">", explain(error))  # noqa: T201  (the answer)
