"""The table of commands, and how an error becomes one sentence and an exit status."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from motools.cli.lazy import Session
from motools.cli.output import say, say_refusal
from motools.cli.plugged import PluggedGroup
from motools.errors import MotoolsError, UsageError
from motools.words import said, sentence_of

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
"""The exit status after Ctrl-C: 128 and the number of SIGINT."""

COMMANDS = {
    "train": ("motools.cli.train", "Train a model, or attach to a training that is there."),
    "validate": ("motools.cli.validate", "Say what is wrong with training data, before anything is paid for it."),
    "eval": ("motools.cli.evaluate", "Evaluate a model, or attach to an evaluation that is there."),
    "compare": ("motools.cli.compare", "Compare evaluations on the same samples: who differs, and how sure is that."),
    "runs": ("motools.cli.runs", "List runs and jobs; show, wait for, cancel one, read its log."),
    "cache": ("motools.cli.cache", "The record as a whole: stats, why, verify, gc, export, import."),
    "recover": ("motools.cli.recover", "Put the record right after a crash; nothing is submitted."),
    "adopt": ("motools.cli.adopt", "Take over a run or job that was paid for by other means."),
    "backends": ("motools.cli.backends", "List what can train and evaluate here."),
    "plugins": ("motools.cli.plugins", "List every plugin, of every kind, and what importing it does."),
    "plugin": ("motools.cli.plugin", "For whoever writes a plugin: new, check."),
    "doctor": ("motools.cli.doctor", "Say what is wrong here, and what to do about it."),
    "config": ("motools.cli.config", "Show every setting and where it comes from."),
    "demo": ("motools.cli.demo", "Train and evaluate a small model organism on this machine."),
}


def _show_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click calls it)
    if value and not context.resilient_parsing:
        from motools import __version__

        click.echo(f"motools-core {__version__}")
        context.exit()


@click.group(
    cls=PluggedGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 the work failed, 2 wrong usage or configuration, 130 interrupted (runs go on).",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def motools() -> None:
    """Train and evaluate model organisms on any service; what was paid for once is never paid for again."""


@motools.result_callback()
def _ignored(*_: object, **__: object) -> None:
    """Keep what a command's function returns, as a plugin's may anything, from being taken for an exit status."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; whatever goes wrong is a sentence on stderr."""
    session = Session()
    try:
        _check_text(arguments)
        status = motools.main(list(arguments), prog_name="motools", standalone_mode=False, obj=session)
    except click.Abort:
        say("Interrupted.")
        return INTERRUPTED
    except click.ClickException as error:
        _trace(session)
        say_refusal(error)
        return error.exit_code
    except MotoolsError as error:
        _trace(session)
        prefix = "" if error.exit_status == INTERRUPTED else "Error: "
        words = [f"{prefix}{sentence_of(error)}", *getattr(error, "__notes__", ())]
        _say_covered(_in_options("\n".join(words)))
        return error.exit_status
    except OSError as error:
        _trace(session)
        _say_covered("\n".join([f"Error: {_sentence(error)}", *getattr(error, "__notes__", ())]))
        return 1
    except SystemExit as error:
        if not session.is_ours:
            raise
        return _unexpected(error, session)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (whatever it is, the user gets a sentence and not a traceback)
        return _unexpected(error, session)
    return status if isinstance(status, int) else 0


def _unexpected(error: BaseException, session: Session) -> int:
    """Tell of an error that no command knows of, with the distribution whose code it comes from where that is a plugin's."""
    from motools.plugins.blame import in_use, origin_of

    _trace(session)
    origin = origin_of(error)
    suspects = [f"with {session.subject}"] if session.subject else []
    suspects += [f"plugins in use: {', '.join(used)}"] if (used := in_use()) else []
    where = f" (in {origin})" if origin else f" ({'; '.join(suspects)})" if suspects else ""
    hint = "" if session.debug else " Run it again with --debug to see where."
    sentence = f"Error: an unexpected {said(error).rstrip('.')}{where}.{hint}"
    _say_covered("\n".join([sentence, *getattr(error, "__notes__", ())]))
    return 1


def _say_covered(text: str) -> None:
    """Say what an error says, without the keys that it may quote."""
    from motools.cache.redact import without_secrets

    say(without_secrets(text))


def _check_text(arguments: Sequence[str]) -> None:
    """Refuse what can be neither printed nor recorded."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"The argument {argument!r} is not UTF-8 text.") from error


def _in_options(text: str) -> str:
    """Name the option where an error advises a keyword of Python's."""
    return re.sub(r"\b\w+\(…, (\w+)=True\)", lambda found: f"--{found[1].replace('_', '-')}", text)


def _sentence(error: OSError) -> str:
    """Say what the system refused, and for which file."""
    what = error.strerror or str(error) or type(error).__name__
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{what}."


def _trace(session: Session) -> None:
    if session.debug:
        import traceback

        _say_covered(traceback.format_exc().rstrip())


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
