"""Every distribution of ours keeps the rules for plugins, and one that breaks any is told which, and what to do."""

from __future__ import annotations

import asyncio
import json
from textwrap import dedent

import pytest

from motools.cli.app import run
from motools.errors import UsageError
from motools.plugins.hygiene import examined, plugins_called
from motools.plugins.rules import RULES
from motools.testing.hygiene import PluginHygiene

pytestmark = pytest.mark.slow  # each plugin is imported by a process of its own


class TestCore(PluginHygiene):
    distribution = "motools-core"


class TestOpenAI(PluginHygiene):
    distribution = "motools-openai"


class TestTinker(PluginHygiene):
    distribution = "motools-tinker"


class TestInspect(PluginHygiene):
    distribution = "motools-inspect"


class TestLocal(PluginHygiene):
    distribution = "motools-local"


PACKAGE = "acme_clean/__init__"


@pytest.fixture
def acme(world, training):
    """Return what installs a plugin that keeps every rule but the one that a change breaks, and what is found of it."""

    def found(before="", after="", *, requires="motools-core>=0.1,<1", typed=True, beside=None, **groups):
        source = f"{before}\n{training.format(name='Acme')}{after}"
        info = world.install(
            "acme",
            modules={PACKAGE: source, **(beside or {})},
            **(groups or {"training": {"acme": "acme_clean:AcmeTrainingBackend"}}),
        )
        if requires:
            with (info / "METADATA").open("a") as file:
                file.write(f"Requires-Dist: {requires}\n")
        if typed:
            (world.site / "acme_clean" / "py.typed").touch()
        [findings] = asyncio.run(examined(plugins_called("acme")))
        return [(finding.rule, finding.what) for finding in findings]

    return found


def test_a_plugin_that_keeps_every_rule_has_no_findings(acme):
    assert acme() == []


BROKEN = {
    "usable": ({"before": "import sys\nsys.exit(3)"}, "called sys.exit(3)"),
    "output": ({"before": "print('hello')"}, "printed 'hello'"),
    "variables": ({"before": "import os\nos.environ['ACME'] = '1'"}, "set the environment variable ACME"),
    "shared": ({"before": "import os\nos.getloadavg = lambda: None"}, "replaced os.getloadavg"),
    "process": ({"before": "import warnings\nwarnings.simplefilter('ignore')"}, "changed which warnings are shown"),
    "speed": ({"before": "import time\ntime.sleep(5.1)"}, "took 5 s to be imported"),
    "sdk": ({"before": "import heavy", "beside": {"heavy/__init__": "for n in range(60): __import__(f'heavy.part{n}')", **{f"heavy/part{n}": "" for n in range(60)}}}, "imports 61 modules that are not its own (heavy…)"),
    "others": ({"before": "import another"}, "imports another plugin: another"),
    "powers": ({"after": "    from motools import Capability\n    capabilities = frozenset({Capability.FIND})\n"}, "declares find and does not implement it"),
    "repr": ({"after": "    key_variables = ('ACME_KEY',)\n    def __repr__(self):\n        import os\n        return os.environ.get('ACME_KEY', '')\n"}, "shows what ACME_KEY holds"),
    "core": ({"requires": ""}, "does not require motools-core"),
    "bound": ({"requires": "motools-core>=0.1"}, "requires motools-core>=0.1, which 1.0 would meet"),
    "names": ({"after": "    run_type = type('OddRun', (AcmeTrainingRun,), {})\n"}, "calls the class of its handles OddRun, and not AcmeTrainingRun"),
    "typed": ({"typed": False}, "has no py.typed"),
    "answers": ({"before": "from motools import hookimpl\n@hookimpl\ndef motools_resolve_model(model_id): return 7", "hooks": {"acme": "acme_clean"}}, "returned a int, not a motools.ModelRef"),
    "listing": ({"before": ""}, "was imported though nobody had asked for it"),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_that_is_broken_is_told_and_no_other(acme, world, training, rule, monkeypatch):
    world.install("another", training={"another": "another:AnotherTrainingBackend"}, modules={"another": training.format(name="Another")})  # fmt: skip
    changes, words = BROKEN[rule]
    if rule == "listing":
        world.write(world.site / "sitecustomize.py", "import acme_clean")
        world.write(world.site / "usercustomize.py", "")
    [(broken, what)] = acme(**changes)
    assert broken == rule
    assert words in what


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"requires": "motools-core>=0.2,<1"}, ("core", "requires motools-core>=0.2,<1, and is declared for v1")),
        ({"requires": "motools-core>=0.1,<1; extra == 'x'"}, ("core", "does not require motools-core")),
        ({"after": "    def __init__(self):\n        import os\n        os.environ['ACME'] = '1'\n"}, ("variables", "set the environment variable ACME when it was made")),
        ({"after": "    def __init__(self):\n        import another\n"}, ("others", "imports another plugin: another")),
        ({"after": "    def __repr__(self): raise RuntimeError('who am I')\n"}, ("repr", "its __repr__ raised RuntimeError: who am I")),
        ({"before": "import asyncio\nclass Policy(asyncio.DefaultEventLoopPolicy): pass\nasyncio.set_event_loop_policy(Policy())"}, ("process", "set the policy of event loops")),
        ({"before": "from motools import ModelRef, hookimpl\n@hookimpl\ndef motools_resolve_model(model_id): return ModelRef(model='mine')", "hooks": {"acme": "acme_clean"}}, ("answers", "a model that there is not")),
        ({"before": "from motools import hookimpl\n@hookimpl\ndef motools_run_events(event): pass", "hooks": {"acme": "acme_clean"}}, ("usable", "Did you mean 'motools_run_event'?")),
        ({"middleware": {"acme": "acme_clean:AcmeTrainingRun"}}, ("usable", "is not a subclass of motools.TrainingBackend")),
        ({"trainings": {"acme": "acme_clean:AcmeTrainingBackend"}}, ("usable", "there is no group 'motools.trainings.v1'")),
        ({"training_v9": {"acme": "acme_clean:AcmeTrainingBackend"}}, ("usable", "is incompatible: it is written for v9")),
    ],
)  # fmt: skip
def test_a_rule_can_be_broken_in_other_ways(acme, world, training, changes, expected):
    world.install("another", training={"another": "another:AnotherTrainingBackend"}, modules={"another": training.format(name="Another")})  # fmt: skip
    [(broken, what)] = acme(**changes)
    assert broken == expected[0]
    assert expected[1] in what


def test_a_layer_that_the_user_has_put_around_a_backend_is_not_imported_by_that_backend(acme, world):
    layer = """
        from dataclasses import dataclass
        from motools import TrainingMiddleware
        @dataclass(frozen=True, kw_only=True)
        class Quota:
            per_hour: int = 1
        class Hourly(TrainingMiddleware):
            Options = Quota
            def __init__(self, backend, options):
                super().__init__(backend)
    """
    world.install("hourly", middleware={"hourly": "hourly_layer:Hourly"}, modules={"hourly_layer": dedent(layer)})
    world.configure('[backends.acme]\nmiddleware = ["cache", "hourly"]\nper_hour = 5\n')
    assert acme() == []


def test_advice_is_not_what_a_check_of_all_plugins_tells(world, training, capsys):
    world.install("acme", training={"acme": "acme_one:AcmeTrainingBackend"}, modules={"acme_one": training.format(name="Acme")})  # fmt: skip
    assert run(["plugins", "--check", "--json"]) == 0
    [acme] = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "acme"]
    assert acme["check"]["did"] == []
    rules = {finding.rule for finding in asyncio.run(examined(plugins_called("acme")))[0]}
    assert rules == {"core", "typed"}


def test_plugins_are_called_by_their_own_name_or_their_distributions(world, training):
    world.install("acme-things", training={"acme": "acme_one:AcmeTrainingBackend"}, hooks={"other": "acme_one"})
    assert [info.kind for info in plugins_called("acme")] == ["training"]
    assert [info.kind for info in plugins_called("Acme_Things")] == ["training", "hooks"]
    with pytest.raises(UsageError, match=r"is called 'acmee'. Did you mean 'acme'\? `motools plugins` lists"):
        plugins_called("acmee")


SUITE = """
from motools.testing.hygiene import PluginHygiene

class TestHygiene(PluginHygiene):
    distribution = "acme-plugin"
    {more}
"""


def test_the_suite_fails_for_a_rule_that_is_broken_unless_the_reason_is_stated(pytester):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = 'function'\n")
    metadata = pytester.mkdir("acme_plugin-1.0.dist-info")
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.0\nRequires-Dist: motools-core<1\n"
    )
    (metadata / "entry_points.txt").write_text("[motools.hooks.v1]\nacme = acme_hooks\n")
    pytester.makepyfile(acme_hooks="print('hello')", test_one=SUITE.format(more=""))
    pytester.makepyfile(test_two=SUITE.format(more="lacking = {'typed': 'it is one module'}"))
    one = pytester.runpytest_subprocess("-W", "error", "test_one.py")
    assert one.parseoutcomes() == {"passed": len(RULES) - 1, "failed": 2}
    one.stdout.fnmatch_lines(["*acme (hooks) printed 'hello'. Log through logging.getLogger*"])
    two = pytester.runpytest_subprocess("-W", "error", "test_two.py")
    assert two.parseoutcomes() == {"passed": len(RULES) - 1, "failed": 1, "xfailed": 1}
