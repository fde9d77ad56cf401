"""On a real terminal: bars, narrow screens, and Ctrl-C."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # starts many processes

TAKE_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "motools", *sys.argv[1:]])
"""
"""Makes the terminal the one whose Ctrl-C the command hears."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A `motools` command on a pseudo-terminal of its own."""

    def __init__(self, *arguments, columns=80, **environment):
        self.seen = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        # What the outer terminal's size may have been is not this one's.
        outer = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_THE_TERMINAL, *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=outer | {"TERM": "xterm"} | environment,
        )
        os.close(slave)

    def until(self, text, seconds=60):
        """Read until a text has been printed, and return all that was seen."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} did not come in {self.seen!r}"
            assert self._read(), f"ended without {text!r}: {self.seen!r}"
        return self.seen

    def press(self, keys):
        os.write(self._master, keys.encode())

    def end(self):
        """Read to the end and return the exit status."""
        while self._read():
            pass
        os.close(self._master)
        return self.process.wait()

    def _read(self):
        try:
            data = os.read(self._master, 65536)
        except OSError:
            data = b""
        self.seen += data.decode(errors="replace")
        return bool(data)

    @property
    def text(self):
        """What was seen, without the escapes that move and colour."""
        return ESCAPES.sub("", self.seen)


@pytest.fixture
def terminal(motools_home):
    opened = []

    def start(*arguments, **options):
        opened.append(Terminal(*arguments, **options))
        return opened[-1]

    yield start
    for each in opened:
        if each.process.poll() is None:
            each.process.kill()
            each.end()


@pytest.fixture
def slow(chat):
    return ["train", chat, "-b", "dummy", "--model", "m", "-o", "steps=600", "-o", "duration=600"]


def test_ctrl_c_ends_the_wait_and_says_how_to_come_back_while_the_run_goes_on(terminal, cli, slow):
    waiting = terminal(*slow)
    waiting.until("steps")
    waiting.press("\x03")
    assert waiting.end() == 130
    (row,) = cli.json("runs", "--refresh")
    assert row["status"] == "running"
    assert f"The training goes on. Come back to it with: motools runs wait {row['key'][4:16]}" in waiting.text
    assert "Traceback" not in waiting.text
    assert waiting.seen.rindex("\x1b[?25h") > waiting.seen.rindex("\x1b[?25l"), "the cursor is visible again"

    back = terminal("runs", "wait", row["key"][4:16])
    back.until("steps")
    back.press("\x03")
    assert back.end() == 130
    assert cli.json("runs", "--refresh")[0]["status"] == "running"


def test_the_signal_does_the_same_without_a_terminal_to_press_it_on(terminal, slow):
    waiting = terminal(*slow)
    waiting.until("steps")
    waiting.process.send_signal(signal.SIGINT)
    assert waiting.end() == 130


IMPATIENT = """
import os, signal, sys
from motools.cli import app, main
say = app.click.echo
def hit(*arguments, **options):
    say(*arguments, **options)
    if {place!r} == "while it speaks" and "Come back" in arguments[0]:
        os.kill(os.getpid(), signal.SIGINT)
app.click.echo = hit
def late():
    if {place!r} == "at exit":
        os.kill(os.getpid(), signal.SIGINT)
import atexit
atexit.register(late)
sys.argv = ["motools", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("place", ["while it speaks", "at exit"])
def test_a_second_ctrl_c_changes_nothing_about_how_it_ends(slow, motools_home, place):
    command = [sys.executable, "-c", IMPATIENT.format(place=place), *map(str, slow)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("Submitted"):
                process.send_signal(signal.SIGINT)
                break
        said = process.stderr.read()
        assert process.wait(60) == 130, said
    assert "Traceback" not in said
    assert "Come back to it with" in said


def test_the_bar_shows_step_total_loss_and_time_left(terminal, slow):
    waiting = terminal(*slow)
    seen = ESCAPES.sub("", waiting.until(" left"))
    assert re.search(r"\d+/600 steps", seen)
    assert re.search(r"\d min \d\d s left", seen)
    waiting.until("loss ")


def test_an_evaluation_counts_samples(terminal, motools_home):
    waiting = terminal("eval", "-b", "dummy", "m", "task", "-o", "duration=600", "-o", "steps=600")
    waiting.until("/600 samples")


def test_a_narrow_terminal_without_colour_is_served_too(terminal, chat):
    waiting = terminal("train", chat, "-b", "dummy", "--model", "m", "-o", "duration=1", columns=40, NO_COLOR="1")
    waiting.until("/10")
    assert waiting.end() == 0
    assert not re.search(r"\x1b\[[0-9;]+m", waiting.seen)
    bars = [line for line in re.split(r"[\r\n]+", waiting.text) if "/10" in line]
    assert bars
    assert all(len(line) <= 40 for line in bars)


@pytest.mark.parametrize("columns", [40, 90])
def test_a_list_fits_into_a_narrow_terminal_with_every_letter(terminal, cli, chat, columns):
    model = "a-base-model-with-quite-a-long-name"
    cli("train", chat, "-b", "dummy", "--model", model, "--label", "lab")
    listing = terminal("runs", columns=columns)
    assert listing.end() == 0
    lines = listing.text.splitlines()
    assert all(len(line) <= columns for line in lines if model not in line)
    assert "lab" in listing.text
    if columns < 90:
        assert model in listing.text
    else:
        assert len(lines) > 2
        assert any(line.startswith("KEY") and "LABEL" in line for line in lines)


def test_a_result_that_is_there_shows_no_bar(terminal, cli, chat):
    request = ["train", chat, "-b", "dummy", "--model", "m"]
    cli(*request)
    again = terminal(*request)
    assert again.end() == 0
    assert "\x1b" not in again.seen


SLOW_PLUGIN = """
import asyncio
from motools import TrainingBackend, TrainingRun

class SlowTrainingRun(TrainingRun):
    job_id = "slow-1"
    async def wait(self):
        await asyncio.Event().wait()
    async def is_complete(self):
        return False
    async def refresh(self):
        raise ConnectionError("the service is away")
    async def cancel(self):
        pass
    async def save(self, path):
        open(path, "w").write("{}")
    @classmethod
    async def load(cls, path):
        return cls()

class SlowTrainingBackend(TrainingBackend):
    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        await asyncio.sleep(600 if suffix == "never" else 0)
        return SlowTrainingRun()
"""


@pytest.fixture
def plugin():
    Path("slow.py").write_text(SLOW_PLUGIN)
    Path("motools.toml").write_text('[plugins.backends]\nslow = "slow:SlowTrainingBackend"\n')


def test_a_submission_that_takes_its_time_is_seen_and_can_be_interrupted(terminal, plugin, chat):
    waiting = terminal("train", chat, "-b", "slow", "--model", "m", "--suffix", "never")
    waiting.until("preparing")
    waiting.press("\x03")
    waiting.until("Ctrl-C again leaves without it.")
    began = time.monotonic()
    waiting.press("\x03")
    assert waiting.end() == 130
    assert time.monotonic() - began < 10
    assert "Interrupted before there was a training to come back to." in waiting.text
    assert "Traceback" not in waiting.text


def test_a_backend_without_progress_and_a_service_that_is_away_end_no_wait(terminal, plugin, chat):
    waiting = terminal("train", chat, "-b", "slow", "--model", "m")
    waiting.until("cannot look: ConnectionError: the service is away")
    waiting.press("\x03")
    assert waiting.end() == 130
    assert "The training goes on." in waiting.text


def test_a_request_that_waits_for_its_turn_says_where_it_stands_and_leaves_its_place_on_ctrl_c(terminal, cli, chat):
    asked = ["train", chat, "-b", "dummy", "--model", "m", "-o", "max_live_runs=1"]
    cli(*asked, "-o", "duration=600", "--no-wait")
    waiting = terminal(*asked, "--suffix", "next", columns=120)
    waiting.until("waits for its turn: it is next; a slot is expected about")
    began = time.monotonic()
    waiting.press("\x03")
    assert waiting.end() == 130
    assert time.monotonic() - began < 10
    assert "the same command has its place in line again." in " ".join(waiting.text.split())
    assert [bool(run["job_id"]) for run in cli.json("runs", "--state", "queued")] == [False]
