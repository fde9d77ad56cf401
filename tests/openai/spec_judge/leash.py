"""Run a command until the standard input ends, which it does with whoever holds it: `python leash.py COMMAND…`."""

from __future__ import annotations

import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Return the command's exit status; an end of the input ends it as SIGTERM does."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        threading.Thread(target=lambda: (sys.stdin.read(), process.terminate()), daemon=True).start()
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
