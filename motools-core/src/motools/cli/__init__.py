"""The `motools` command. One file a command (or group of commands), imported when that command is called.

    app.py          the table of commands; errors become a sentence and an exit status
    lazy.py         a click group that imports a command when it is called
    plugged.py      the commands of plugins beside ours
    assignments.py  key=value on the command line
    requests.py     what `train` and `eval` have in common
    output.py       what goes to stdout (results, tables, JSON) and to stderr (words)
    records.py      the record of paid work, as the command line shows it and finds things in it
    handles.py      the run or job that KEY means
    waiting.py      waiting with a progress bar, and what Ctrl-C means
    the rest        the commands

Exit status: 0 done, 1 the work failed, 2 wrong usage or configuration, 130 interrupted.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process and exit."""
    import os
    import signal
    import sys

    status = 130

    def leave(*_: object) -> None:
        """Give whoever is still impatient the same exit status, and no traceback from what is being put away."""
        os._exit(status)

    try:
        from motools.cli.app import run
        from motools.cli.output import own_streams, tell_of_threads
        from motools.plugins import watching

        watching.is_command = True
        with own_streams():
            status = run(sys.argv[1:])
        tell_of_threads()
    except KeyboardInterrupt:  # again, while the first was being answered
        pass
    signal.signal(signal.SIGINT, leave)
    sys.exit(status)


__all__ = ["main"]
