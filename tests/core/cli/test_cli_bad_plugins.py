"""Plugins that do all that they should not: each is named, the rest goes on, and there is an end with a documented status."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path

import pytest

from motools.plugins import registry

pytestmark = pytest.mark.slow  # dozens of plugins, each with a dozen commands

BACKEND = """
import json
from pathlib import Path
from motools import Capability, EvalBackend, EvalJob, EvalResults, TrainingBackend, TrainingRun

class Whatever:
    def fail(self, *_):
        raise SystemExit("no words")
    __repr__ = __str__ = __eq__ = __format__ = __bool__ = __len__ = __iter__ = fail
    def __hash__(self):
        raise SystemExit("no hash")

class Mute(Exception):
    __str__ = __repr__ = Whatever.fail

class Worse(BaseException):
    pass

class Run(TrainingRun):
    def __init__(self, job_id="job-1"):
        self.job_id = job_id
    async def wait(self):
        self.status = "succeeded"
        return "model-1"
    async def is_complete(self):
        return self.status in ("succeeded", "failed")
    async def refresh(self):
        pass
    async def cancel(self):
        self.status = "cancelled"
    async def save(self, path):
        Path(path).write_text(json.dumps({"mine": 1}))
    @classmethod
    async def load(cls, path):
        return cls()

class Results(EvalResults):
    pass

class Job(EvalJob):
    job_id = "job-1"
    wait = None
    async def wait(self):
        return await self.get_results()
    async def get_results(self):
        return Results(model_id="m", metrics={})
    is_complete, refresh, cancel, save = Run.is_complete, Run.refresh, Run.cancel, Run.save
    @classmethod
    async def load(cls, path):
        return cls()

class Bad(TrainingBackend):
    run_type = Run
    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        return Run()

class BadEval(EvalBackend):
    job_type = Job
    async def evaluate(self, model_id, eval_suite, **kwargs):
        return Job()
"""
GOOD = BACKEND.replace("Bad", "Good")
GOOD_HOOKS = """
from motools import hookimpl
from pathlib import Path

@hookimpl
def motools_run_event(event):
    with Path("heard").open("a") as file:
        file.write(event.happened + " ")
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return `site(distribution, modules, group={name: value})`, which installs a distribution."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    variables, before = dict(os.environ), set(sys.modules)

    def install(distribution, modules, **groups):
        information = place / f"{distribution.replace('-', '_')}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = []
        for group, entries in groups.items():
            lines += [f"[motools.{group}.v1]", *(f"{name} = {value}" for name, value in entries.items())]
        (information / "entry_points.txt").write_text("\n".join([*lines, ""]))
        for name, source in modules.items():
            (place / f"{name}.py").write_text(source)
        registry.refresh()

    yield install
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(place)):
            del sys.modules[name]
    os.environ.update(variables)
    registry.refresh()


def ended_well(done, *, names=None):
    """Check an end that a user can live with; where it failed, the plugin is named."""
    assert done.returncode in {0, 1, 2}, done.stderr
    for word in ("Traceback", "never retrieved", "never awaited", "Logging error"):
        assert word not in done.stderr
    if done.returncode and names:
        assert any(name in done.stdout + done.stderr for name in names), done.stderr
    return done


IMPORTS = {
    "exits": "import sys\nsys.exit(3)",
    "prints": "print('{not json')",
    "deletes variables": "import os\nfor name in ('HOME', 'PATH', 'LANG', 'USER'):\n    os.environ.pop(name, None)",
    "does not parse": "def broken(:",
    "raises a base exception": "class Worse(BaseException): pass\nraise Worse('no luck')",
    "raises what cannot be told": "class Mute(Exception):\n    def __str__(self): raise SystemExit\nraise Mute",
    "has attributes that raise": "def __getattr__(name):\n    raise RuntimeError('no attribute for you')",
    "is cancelled": "import asyncio\nraise asyncio.CancelledError",
    "ends generators": "raise GeneratorExit",
    "needs what is not there": "import no_such_sdk",
}
EVERYWHERE = {
    "training": {"bad": "bad_module:Bad"},
    "evals": {"bad-eval": "bad_module:BadEval"},
    "hooks": {"bad-hooks": "bad_module"},
    "middleware": {"bad-layer": "bad_module:Layer"},
    "cache": {"bad-store": "bad_module:store"},
    "commands": {"bad-command": "bad_module:command"},
}


@pytest.mark.parametrize("case", IMPORTS)
def test_whatever_a_module_does_when_it_is_imported(cli, chat, site, case, caplog):
    site("acme-bad", {"bad_module": IMPORTS[case]}, **EVERYWHERE)
    site("acme-good", {"good_hooks": GOOD_HOOKS}, hooks={"good": "good_hooks"})
    for command in (["backends"], ["plugins"], ["config"], ["runs"], ["cache", "stats"], ["--help"], ["recover"]):
        assert ended_well(cli(*command)).returncode == 0
    assert "bad_module" not in sys.modules
    names = ["acme-bad 1.0"]
    for command in (
        ["train", chat, "-b", "bad", "--model", "m"],
        ["eval", "-b", "bad-eval", "m", "task"],
        ["validate", chat, "-b", "bad"],
        ["bad-command"],
        ["recover", "-b", "bad"],
    ):
        ended_well(cli(*command), names=names)
    assert "acme-bad 1.0" in cli.refused("runs", MOTOOLS_CACHE="bad-store:x")
    done = cli("train", chat, "-b", "dummy", "--model", "m", "--json")
    assert ended_well(done).returncode == 0
    assert json.loads(done.stdout)["state"] == "succeeded"
    if case not in {"prints", "deletes variables", "has attributes that raise"}:
        assert "Plugin 'bad-hooks' (motools.hooks.v1) of acme-bad 1.0 cannot be used" in caplog.text
    assert Path("heard").read_text().split() == ["submitted", "succeeded"]


def test_all_of_them_at_once_are_named_by_those_who_look_at_each(cli, site):
    modules = {"bad_exit": "import os\nos._exit(0)"}
    modules |= {f"bad_{number}": source for number, source in enumerate(IMPORTS.values())}
    for name, source in modules.items():
        plugins = {"training": {name: f"{name}:Backend"}, "hooks": {f"{name}-hooks": name}}
        site(f"of-{name.replace('_', '-')}", {name: source}, **plugins)
    site("acme-good", {"good_module": GOOD}, training={"good": "good_module:Good"})
    rows = {row["name"]: row for row in cli.json("plugins", "--check", "--kind", "training")}
    assert {name for name in modules if rows[name]["status"] != "broken"} == set()
    assert all(rows[name]["reason"] for name in modules)
    assert rows["good"]["status"] == "ok"
    done = ended_well(cli("doctor", "--json"))
    assert done.returncode == 1
    problems = [each["what"] for each in json.loads(done.stdout)["findings"] if each["level"] == "problem"]
    for name in modules:
        assert any(f"{name} (training of of-{name.replace('_', '-')} 1.0) is broken" in what for what in problems)
    assert not set(modules) & set(sys.modules)


def test_a_slow_import_is_named_while_it_goes_on(cli, site, monkeypatch, chat, caplog):
    monkeypatch.setattr("motools.plugins.watching.SLOW", 0.05)
    waits = (
        "import logging, time\nend = time.monotonic() + 30\n"
        "while not any('slow-hooks' in each.getMessage() for each in logging.getLogger().handlers[-1].records):\n"
        "    assert time.monotonic() < end\n    time.sleep(0.01)\n"
    )
    logging.getLogger().addHandler(caplog.handler)
    site("acme-bad", {"bad_module": waits + GOOD_HOOKS}, hooks={"slow-hooks": "bad_module"})
    assert ended_well(cli("train", chat, "-b", "dummy", "--model", "m")).returncode == 0
    logging.getLogger().removeHandler(caplog.handler)
    assert "The plugin 'slow-hooks' of acme-bad 1.0 has been importing for 0.05 s" in caplog.text
    assert Path("heard").read_text().split() == ["submitted", "succeeded"]


CRASHES = {
    "aborts": ("os.abort()", signal.SIGABRT),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", signal.SIGKILL),
}


@pytest.mark.parametrize("case", CRASHES)
def test_a_module_that_crashes_the_process_is_named(shell, chat, site, tmp_path, case):
    source, number = CRASHES[case]
    site("acme-bad", {"bad_module": f"import os, signal\nos.closerange(0, 3)\n{source}"}, **EVERYWHERE)
    places = {"PYTHONPATH": str(tmp_path / "site")}
    for command in (["train", chat, "-b", "bad", "--model", "m"], ["bad-command"], ["train", chat, "-b", "dummy", "--model", case]):  # fmt: skip
        done = shell(*command, **places)
        assert done.returncode == -number
        assert "of acme-bad 1.0 was being imported when this command ended" in done.stderr
        assert "MOTOOLS_PLUGINS=-bad" in done.stderr
    done = shell("train", chat, "-b", "dummy", "--model", "m", **places, MOTOOLS_PLUGINS="dummy")
    assert (done.returncode, done.stderr.count("bad")) == (0, 0)


OF_A_PROCESS = {
    "ends it": "import os\nos._exit(0)",
    "ends it by a name": "from os import _exit\n_exit(0)",
    "closes stdout and stderr": "import os, sys\nsys.stdout.close()\nsys.stderr.close()\n",
    "closes their files": "import os\nos.closerange(1, 3)\n",
    "takes stdout and stderr away": "import sys\nsys.stdout = sys.stderr = None\n",
    "replaces stdout and stderr": "import sys\nsys.stdout = sys.stderr = object()\n",
    "turns warnings into errors": "import warnings\nwarnings.simplefilter('error')\n",
    "goes elsewhere": "import os\nos.chdir('/')\n",
    "forks": "import os\nif os.fork() == 0:\n    os._exit(0)\nos.wait()",
}


# What ends the process while it is told of an event ends the command.
TOLD = [case for case in OF_A_PROCESS if not case.startswith("ends it")]


@pytest.mark.parametrize(
    ("case", "when"), [*((case, "imported") for case in OF_A_PROCESS), *((case, "told") for case in TOLD)]
)
def test_whatever_a_listener_does_to_the_process(shell, chat, site, tmp_path, case, when):
    source = OF_A_PROCESS[case]
    if when == "told":
        inner = "".join(f"    {line}\n" for line in source.splitlines())
        source = f"from motools import hookimpl\n@hookimpl\ndef motools_run_event(event):\n{inner}"
    site("acme-bad", {"bad_module": source}, hooks={"a-bad-one": "bad_module"})
    site("acme-good", {"good_module": GOOD}, training={"good": "good_module:Good"})
    places = {"PYTHONPATH": str(tmp_path / "site")}
    done = ended_well(shell("train", chat, "-b", "good", "--model", "m", "--json", **places))
    assert (done.returncode, json.loads(done.stdout)["model_id"]) == (0, "model-1")
    if case in {"ends it", "ends it by a name"}:
        assert "of acme-bad 1.0 cannot be used: its module 'bad_module' called os._exit(0)" in done.stderr
    if case == "goes elsewhere":
        what = "was imported" if when == "imported" else "was told of an event"
        assert f"'a-bad-one' of acme-bad 1.0 changed the working directory to / when it {what}." in done.stderr


def test_a_thread_that_a_plugin_leaves_running_is_told_of(shell, chat, site, tmp_path):
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(4,), name='beats').start()\n"
    site("acme-bad", {"bad_module": source + GOOD_HOOKS}, hooks={"bad": "bad_module"})
    done = ended_well(shell("train", chat, "-b", "dummy", "--model", "m", PYTHONPATH=str(tmp_path / "site")))
    assert done.returncode == 0
    assert "Waiting for the thread 'beats', which a plugin has left running. Ctrl-C leaves without." in done.stderr


def test_an_unexpected_error_that_no_plugins_code_has_raised_names_those_in_use(shell, chat, site, tmp_path):
    site("acme-bad", {"bad_module": "import json\njson.dumps = None\n"}, hooks={"bad-hooks": "bad_module"})
    done = ended_well(shell("train", chat, "-b", "dummy", "--model", "m", "--json", PYTHONPATH=str(tmp_path / "site")))
    assert done.returncode == 1
    assert "(with backend 'dummy'; plugins in use: acme-bad 1.0" in done.stderr


def test_what_cannot_even_be_looked_at_keeps_nobody_from_the_others(cli, site):
    site("acme-bad", {"bad_module": GOOD}, training={"x" * 200_000: "bad_module:Good"})
    site("acme-good", {"good_module": GOOD}, training={"good": "good_module:Good"})
    rows = {row["distribution"]: row for row in cli.json("plugins", "--check", "--kind", "training")}
    assert (rows["acme-good"]["status"], rows["acme-bad"]["status"]) == ("ok", "broken")
    assert "it cannot be looked at in a process of its own: Argument list too long." in rows["acme-bad"]["reason"]


CALLS = {
    "train returns garbage": "Bad.train = lambda self, *_, **__: answer(7)",
    "train returns what cannot be shown": "Bad.train = lambda self, *_, **__: answer(Whatever())",
    "train is no coroutine": "Bad.train = lambda self, *_, **__: Run()",
    "train raises what cannot be told": "Bad.train = raising(Mute)",
    "train exits": "Bad.train = raising(SystemExit)",
    "train raises a base exception": "Bad.train = raising(Worse)",
    "wait returns garbage": "Run.wait = lambda self: answer(object())",
    "wait returns what cannot be shown": "Run.wait = lambda self: answer(Whatever())",
    "wait raises what cannot be told": "Run.wait = raising(Mute)",
    "wait exits": "Run.wait = raising(SystemExit)",
    "save exits": "Run.save = raising(SystemExit)",
    "save raises": "Run.save = raising(Mute)",
    "load raises": "Run.load = classmethod(raising(Mute))",
    "load returns garbage": "Run.load = classmethod(lambda cls, path: answer(7))",
    "refresh raises": "Run.refresh = raising(Mute)",
    "is_complete raises": "Run.is_complete = raising(Mute)",
    "progress is garbage": "Run.progress = 'much'",
    "progress is worse": "Run.progress = Whatever()",
    "metadata is garbage": "Run.metadata = 7",
    "metadata is worse": "Run.metadata = {'x': Whatever()}",
    "the job's id is garbage": "Run.__init__ = lambda self, job_id='': setattr(self, 'job_id', 7.5)",
    "the job's id is worse": "Run.__init__ = lambda self, job_id='': setattr(self, 'job_id', Whatever())",
    "the status is garbage": "Run.status = 7",
    "the status is worse": "Run.status = Whatever()",
    "cannot be shown": "Run.__repr__ = Run.__str__ = Bad.__repr__ = Whatever.fail",
    "cannot be compared": "Run.__eq__ = Bad.__eq__ = Whatever.fail; Run.__hash__ = Bad.__hash__ = Whatever.fail",
    "capabilities are garbage": "Bad.capabilities = None",
    "capabilities are words": "Bad.capabilities = ['everything']",
    "declares all and has none": "Bad.capabilities = frozenset(Capability)",
    "the account is garbage": "Bad.account = lambda self: 7",
    "the account raises": "Bad.account = Whatever.fail",
    "formats are garbage": "Bad.formats = lambda self: 7",
    "the name is garbage": "Bad.name = 7",
    "find returns garbage": "Bad.capabilities = frozenset({Capability.FIND}); Bad.find = lambda self, token: answer(None)",
    "aclose raises": "Bad.aclose = raising(Mute)",
    "aclose exits": "Bad.aclose = raising(SystemExit)",
    "the constructor raises": "Bad.__init__ = Whatever.fail",
    "settings are garbage": "Bad.Settings = 7",
    "metrics are garbage": "Bad.capabilities = frozenset({Capability.METRICS}); Run.metrics = lambda self: answer(7)",
    "metrics are worse": "Bad.capabilities = frozenset({Capability.METRICS}); Run.metrics = lambda self: answer([7, {'step': Whatever()}])",
    "checkpoints are garbage": "Bad.capabilities = frozenset({Capability.CHECKPOINTS}); Run.checkpoints = lambda self: answer([7])",
    "logs are garbage": "Bad.capabilities = frozenset({Capability.LOGS}); Run.logs = lambda self, **_: 7",
    "the estimate is garbage": "Bad.capabilities = frozenset({Capability.ESTIMATE}); Bad.estimate = lambda self, *_, **__: answer('dear')",
    "the limits are garbage": "Bad.capabilities = frozenset({Capability.LIMITS}); Bad.limits = lambda self, model: answer('none')",
}
TOOLS = """
async def answer(value):
    return value

def raising(kind):
    async def method(*_, **__):
        raise kind
    return method

"""
NAMES = ["acme-bad 1.0", "'bad'", "bad_module", "Bad", "job-1", "'bad-eval'"]


@pytest.mark.parametrize("case", CALLS)
def test_whatever_a_backend_of_training_does_when_it_is_used(cli, chat, site, case):
    site("acme-bad", {"bad_module": BACKEND + TOOLS + CALLS[case]}, training={"bad": "bad_module:Bad"})
    site("acme-good", {"good_module": GOOD}, training={"good": "good_module:Good"})
    good = ended_well(cli("train", chat, "-b", "good", "--model", "m", "--no-wait"))
    assert good.returncode == 0
    for options in ([], ["--replicate", "1", "--no-wait"], ["--dry-run"], ["--no-cache"]):
        ended_well(cli("train", chat, "-b", "bad", "--model", "m", *options), names=NAMES)
    for command in (
        ["runs", "show"], ["runs", "wait"], ["runs", "metrics"], ["runs", "logs"], ["runs", "checkpoints"],
        ["runs", "pause"], ["runs", "cancel"],
    ):  # fmt: skip
        for row in cli.json("runs"):
            if row["backend"] != "good":
                ended_well(cli(*command, row["key"]), names=NAMES)
    for command in (
        ["config", "-b", "bad"],
        ["recover"],
        ["cache", "verify"],
        ["runs", "--refresh"],
        ["cache", "stats"],
    ):
        ended_well(cli(*command), names=NAMES)
    [of_the_good] = [row for row in cli.json("runs") if row["backend"] == "good"]
    assert ended_well(cli("runs", "wait", of_the_good["key"])).returncode == 0


OF_JOBS = {
    "evaluate returns garbage": "BadEval.evaluate = lambda self, *_, **__: answer(Whatever())",
    "evaluate exits": "BadEval.evaluate = raising(SystemExit)",
    "wait returns garbage": "Job.wait = lambda self: answer(Whatever())",
    "results are garbage": "Job.get_results = lambda self: answer({'score': 1})",
    "metrics are garbage": "Job.get_results = lambda self: answer(Results(model_id='m', metrics=7))",
    "metrics are worse": "Job.get_results = lambda self: answer(Results(model_id='m', metrics={'t': {'s': {'m': Whatever()}}}))",
    "log paths are garbage": "Job.get_log_paths = lambda self: 7",
    "identify returns garbage": "BadEval.identify = lambda self, *_, **__: answer(Whatever())",
    "identify raises": "BadEval.identify = raising(Mute)",
    "declares all and has none": "BadEval.capabilities = frozenset(Capability)",
}


@pytest.mark.parametrize("case", OF_JOBS)
def test_whatever_a_backend_of_evaluations_does_when_it_is_used(cli, site, case):
    site("acme-bad", {"bad_module": BACKEND + TOOLS + OF_JOBS[case]}, evals={"bad-eval": "bad_module:BadEval"})
    for options in ([], ["--json"], ["--no-cache"]):
        ended_well(cli("eval", "-b", "bad-eval", "m", "task", *options), names=NAMES)
    for row in cli.json("runs"):
        for command in (["runs", "show"], ["runs", "wait"], ["runs", "logs"], ["compare"]):
            ended_well(cli(*command, row["key"]), names=[*NAMES, "compare"])
    for command in (["config", "-b", "bad-eval"], ["recover"], ["cache", "verify"]):
        ended_well(cli(*command), names=NAMES)


PRINTS = """
print("imported")
from motools import hookimpl

@hookimpl
def motools_run_event(event):
    print("told")
"""


def test_what_plugins_print_is_no_part_of_the_results(cli, chat, site):
    printing = BACKEND.replace("        return Run()", "        print('training')\n        return Run()")
    site("acme-bad", {"bad_module": printing, "bad_hooks": PRINTS}, training={"bad": "bad_module:Bad"}, hooks={"bad": "bad_hooks"})  # fmt: skip
    done = cli("train", chat, "-b", "bad", "--model", "m", "--json")
    assert json.loads(done.stdout)["model_id"] == "model-1"
    assert done.stderr.splitlines().count("told") == 2
    assert {"imported", "training"} <= set(done.stderr.splitlines())


@pytest.mark.parametrize("case", [case for case in CALLS if "progress is" in case or case == "metadata is garbage"])
def test_nonsense_that_a_run_tells_of_itself_keeps_nobody_from_its_record(cli, chat, site, case):
    site("acme-bad", {"bad_module": BACKEND + TOOLS + CALLS[case]}, training={"bad": "bad_module:Bad"})
    cli("train", chat, "-b", "bad", "--model", "m", "--no-wait")
    shown = ended_well(cli("runs", "show", "job-1"))
    assert shown.returncode == 0
    assert "bad" in shown.stdout


FINDS_NONSENSE = """
from motools.errors import SubmitUncertain

async def train(self, dataset, model, hyperparameters=None, suffix=None, *, ticket):
    with open("bill", "a") as bill:
        bill.write("asked ")
    async with ticket.paying():
        raise SubmitUncertain("There was no answer.")

Bad.train, Bad.capabilities, Bad.find_lag = train, frozenset({Capability.FIND}), 0.0
"""


@pytest.mark.parametrize("nonsense", ["None", "7", "[7]", "'job-1'", "Whatever()"])
def test_nonsense_is_no_proof_that_nothing_was_submitted(cli, chat, site, nonsense):
    source = BACKEND + TOOLS + FINDS_NONSENSE + f"Bad.find = lambda self, token: answer({nonsense})\n"
    site("acme-bad", {"bad_module": source}, training={"bad": "bad_module:Bad"})
    request = ["train", chat, "-b", "bad", "--model", "m"]
    assert "There was no answer." in cli.refused(*request, status=1)
    for command in (request, ["recover"]):
        done = ended_well(cli(*command))
        assert done.returncode == 1
        assert "That is a fault of the plugin." in done.stderr
        assert "The backend 'bad' was asked what became of" in done.stderr
    assert Path("bill").read_text() == "asked "
