"""`motools plugins --check`: whatever a plugin does when it is imported is told, and holds nobody else up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from motools.cli.app import run

pytestmark = pytest.mark.slow  # each plugin is imported by a process of its own


@pytest.fixture
def check(world, training, capsys):
    """Return `check(source)`: install it as the module of a backend beside a good one, and return what is said of it."""

    def check(source, *arguments, **groups):
        world.install(
            "good",
            training={"good": "good_checked:GoodTrainingBackend"},
            modules={"good_checked": training.format(name="Good")},
        )
        world.install(
            "acme",
            modules={"acme_checked": source},
            **(groups or {"training": {"acme": "acme_checked:AcmeTrainingBackend"}}),
        )
        assert run(["plugins", "--check", "--json", *arguments]) == 0
        rows = json.loads(capsys.readouterr().out)
        [good] = [row for row in rows if row["distribution"] == "good"]
        assert (good["status"], good["check"]["did"], good["check"]["broken"]) == ("ok", [], None)
        assert 0 < good["check"]["seconds"] < 20
        [acme] = [row for row in rows if row["distribution"] == "acme"]
        return acme

    return check


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no luck')", "raised ValueError: no luck"),
        ("import sys\nsys.exit(3)", "called sys.exit(3)"),
        ("def broken(:", "raised SyntaxError"),
        ("import no_such_sdk", "it needs the module 'no_such_sdk'"),
        ("import os\nprint('last words', flush=True)\nos._exit(7)", "with exit status 7 when it was imported. The last that it printed is 'last words'."),
        ("import os\nos.kill(os.getpid(), 9)", "by SIGKILL"),
        ("class AcmeTrainingBackend: pass", "not a subclass of motools.TrainingBackend"),
        ("AcmeTrainingBackend = 7", "is not a class but of type int"),
        ("other = 1", "has no 'AcmeTrainingBackend'"),
        ("class Odd(Exception):\n    def __str__(self): raise KeyError('no text')\nraise Odd", "raised Odd, whose text cannot be had"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("from motools import TrainingBackend\nclass AcmeTrainingBackend(TrainingBackend): pass", "does not implement train"),
    ],
)  # fmt: skip
def test_a_plugin_that_cannot_be_used_is_named_with_the_reason(check, source, reason):
    acme = check(source)
    assert acme["status"] == "broken"
    assert reason in acme["reason"]
    assert acme["check"]["broken"] == acme["reason"]


@pytest.mark.parametrize(
    ("source", "did"),
    [
        ("print('hello')\nprint('again')", "printed 'hello' and 1 more lines"),
        ("import os\ndel os.environ['HOME']", "removed the environment variable HOME"),
        ("import os\nos.environ['ACME'] = 'secret-value'", "set the environment variable ACME"),
        (
            "import builtins\nkept = builtins.open\nbuiltins.open = lambda *args, **kwargs: kept(*args, **kwargs)",
            "replaced builtins.open",
        ),
        ("import asyncio\nasyncio.run = print\nasyncio.Queue.put = print", "replaced asyncio.run, asyncio.Queue.put"),
        ("import sys\nsys.stdout = None", "replaced sys.stdout"),
        ("import os\nos.chdir('/')", "changed the working directory to /"),
        ("import sys\nsys.path.insert(0, '/acme')", "put /acme on sys.path"),
        ("import signal\nsignal.signal(signal.SIGTERM, print)", "took over the signal SIGTERM"),
        ("import logging\nlogging.basicConfig()", "configured the root logger"),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), name='acme').start()",
            "left the thread acme running",
        ),
    ],
)
def test_what_a_plugin_does_beside_defining_things_is_told(check, training, source, did):
    acme = check(f"{source}\n{training.format(name='Acme')}")
    assert (acme["status"], acme["check"]["did"]) == ("ok", [did])
    assert "secret-value" not in json.dumps(acme)


def test_a_plugin_that_takes_too_long_is_ended_with_what_it_started(check, tmp_path):
    source = f"""
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
    time.sleep(300)
    """
    began = time.monotonic()
    acme = check(source, "--timeout", "3")
    assert time.monotonic() - began < 60
    assert (acme["status"], acme["check"]["seconds"]) == ("broken", None)
    assert acme["reason"] == "it had not ended after 3 s, when it was imported."
    stat = Path(f"/proc/{(tmp_path / 'child').read_text()}/stat")
    deadline = time.monotonic() + 10
    while stat.exists() and stat.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_slow_import_is_told_with_its_time(check, training):
    acme = check(f"import time\ntime.sleep(5.2)\n{training.format(name='Acme')}")
    assert (acme["status"], acme["check"]["did"]) == ("ok", ["took 5 s to be imported"])
    assert acme["check"]["seconds"] >= 5.2


def test_a_plugin_that_breaks_what_everybody_needs_is_broken_with_what_it_replaced(check, training):
    acme = check(f"import builtins\nbuiltins.open = None\n{training.format(name='Acme')}")
    assert (acme["status"], acme["check"]["did"]) == ("broken", ["replaced builtins.open"])
    assert "'NoneType' object is not callable" in acme["reason"]


def test_a_backend_that_raises_in_its_repr_or_lies_about_its_powers_is_told(check, training):
    source = training.format(name="Acme") + (
        "    from motools import Capability\n"
        "    capabilities = frozenset({Capability.FIND, Capability.LOGS})\n"
        "    run_type = AcmeTrainingRun\n"
        "    def __repr__(self): raise RuntimeError('who am I')\n"
    )
    acme = check(source)
    assert acme["status"] == "ok"
    assert acme["check"]["did"] == [
        "declares find, logs and does not implement them",
        "its __repr__ raised RuntimeError: who am I",
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    def __init__(self): raise OSError('no such device')\n", "its constructor raised OSError: no such device"),
        ("    def __init__(self):\n        import sys; sys.exit(2)\n", "its constructor raised SystemExit: 2"),
    ],
)
def test_a_backend_that_cannot_be_made_is_broken(check, training, body, said):
    acme = check(training.format(name="Acme") + body)
    assert (acme["status"], acme["reason"]) == ("broken", said)


def test_a_backend_that_needs_options_is_not_broken(check, training):
    acme = check(training.format(name="Acme") + "    def __init__(self, url): pass\n")
    assert acme["status"] == "ok"
    assert "missing a required argument: 'url'" in acme["check"]["notes"][0]


@pytest.mark.parametrize(
    ("groups", "source", "reason"),
    [
        ({"hooks": {"acme": "acme_checked"}}, "from motools import hookimpl\n@hookimpl\ndef motools_run_events(event): pass", "there is no hook 'motools_run_events'"),
        ({"middleware": {"acme": "acme_checked:Layer"}}, "class Layer: pass", "not a subclass of motools.TrainingBackend"),
        ({"middleware": {"acme": "acme_checked:Layer"}}, "from motools import TrainingMiddleware\nclass Layer(TrainingMiddleware):\n    def __init__(self): pass", "its constructor raised TypeError"),
        ({"cache": {"acme": "acme_checked:store"}}, "store = 'no callable'", "is not callable"),
        ({"commands": {"acme": "acme_checked:go"}}, "def go(): pass", "is not a click command"),
    ],
)  # fmt: skip
def test_each_kind_is_held_to_what_its_group_asks_for(check, groups, source, reason):
    acme = check(source, **groups)
    assert acme["status"] == "broken"
    assert reason in acme["reason"]


@pytest.mark.parametrize(
    ("groups", "source"),
    [
        ({"hooks": {"acme": "acme_checked"}}, "from motools import hookimpl\n@hookimpl\ndef motools_run_event(event): pass"),
        ({"middleware": {"acme": "acme_checked:Layer"}}, "from motools import EvalMiddleware\nclass Layer(EvalMiddleware): pass"),
        ({"middleware": {"acme": "acme_checked:Layer"}}, "from motools import EvalMiddleware\nclass Layer(EvalMiddleware):\n    needs = {'cache': 'it asks the record'}"),
        ({"cache": {"acme": "acme_checked:open"}}, ""),
        ({"commands": {"acme": "acme_checked:go"}}, "import click\n@click.command()\ndef go(): pass"),
    ],
)  # fmt: skip
def test_good_ones_of_every_kind_pass(check, groups, source):
    acme = check(source or "def open(url): pass", **groups)
    assert (acme["status"], acme["check"]["did"], acme["check"]["notes"]) == ("ok", [], [])


def test_what_is_switched_off_is_not_imported(check, world, tmp_path):
    world.configure('[plugins]\nblock = ["acme"]')
    acme = check(f"open({str(tmp_path / 'imported')!r}, 'w')")
    assert (acme["status"], acme["check"]) == ("disabled", None)
    assert not (tmp_path / "imported").exists()


def test_no_key_is_told_though_a_plugin_prints_it(check, training, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "canary-0123456789")
    acme = check(f"import os\nprint(os.environ['ACME_API_KEY'])\n{training.format(name='Acme')}")
    assert acme["check"]["did"] == ["printed '[ACME_API_KEY]'"]


def test_no_part_of_a_key_is_told_where_a_long_line_is_cut(check, training, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "canary-0123456789")
    acme = check(f"import os\nprint('.' * 110 + os.environ['ACME_API_KEY'])\n{training.format(name='Acme')}")
    assert "canary" not in json.dumps(acme)
    assert acme["check"]["did"][0].startswith("printed '....")


def test_an_error_that_says_nothing_sensible_is_told_by_its_type(check, training):
    source = (
        "from motools.errors import UsageError\n"
        "class Odd(UsageError):\n"
        "    reason = object()\n"
        "    def __str__(self): raise KeyError('no text')\n"
        f"{training.format(name='Acme')}    def __init__(self): raise Odd\n"
    )
    acme = check(source)
    assert "Odd, whose text cannot be had" in acme["check"]["notes"][0]


def test_an_interrupted_check_leaves_no_process(world, tmp_path):
    pid = tmp_path / "pid"
    source = f"import os, pathlib, time\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(300)"
    world.install("acme", training={"acme": "acme_slow:A"}, modules={"acme_slow": source})
    command = subprocess.Popen(
        [sys.executable, "-m", "motools", "plugins", "--check"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(world.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not pid.exists() or not pid.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    command.send_signal(signal.SIGINT)
    printed, words = command.communicate(timeout=60)
    assert (command.returncode, printed, words) == (130, "", "Interrupted.\n")
    assert not Path(f"/proc/{pid.read_text()}").exists()


def test_the_table_has_the_time_and_the_words_are_beside_it(world, training, capsys):
    world.install("acme", training={"acme": "acme_told:AcmeTrainingBackend"}, modules={"acme_told": f"print('hi')\n{training.format(name='Acme')}"})  # fmt: skip
    assert run(["plugins", "--check", "--kind", "training"]) == 0
    printed, words = capsys.readouterr()
    row = next(line for line in printed.splitlines() if line.startswith("acme"))
    assert row.split()[-1] == "s"
    assert float(row.split()[-2]) < 20
    assert "acme (acme) printed 'hi'" in words


def test_a_backend_beside_the_file_is_imported_from_there_and_its_kind_is_known_then(world, training, capsys):
    source = (
        training.format(name="Mine")
        .replace("(TrainingBackend)", "(Base)")
        .replace("class Mine", "Base = TrainingBackend\nclass Mine", 1)
    )
    world.configure('[plugins.backends]\nmine = "mine:MineTrainingBackend"', mine=source)
    assert run(["plugins", "--check", "--json"]) == 0
    [mine] = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "mine"]
    assert (mine["kind"], mine["status"], mine["origin"]) == ("training", "ok", "file")
