"""The shipped contract itself: a minimal plugin can keep it, and a faulty one or a weakened suite fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from motools.testing import plugin

MINIMAL = """
import json, uuid
from pathlib import Path
from motools import RunStatus, TrainingBackend, TrainingRun

class MinimalRun(TrainingRun):
    async def wait(self):
        self.status, self.model_id = RunStatus.SUCCEEDED, f"model-{self.job_id}"
        return self.model_id
    async def is_complete(self):
        return True
    async def refresh(self):
        await self.wait()
    async def cancel(self):
        pass
    async def save(self, path):
        Path(path).write_text(json.dumps({"job": self.job_id}))
    @classmethod
    async def load(cls, path):
        run = cls()
        run.job_id = json.loads(Path(path).read_text())["job"]
        return run

class MinimalBackend(TrainingBackend):
    async def train(self, dataset, model, hyperparameters=None, suffix=None):
        run = MinimalRun()
        run.job_id = uuid.uuid4().hex
        return run
"""

SUITE = """
import pytest
from minimal import MinimalBackend
from motools.testing.training import TrainingBackendContract

class TestMinimal(TrainingBackendContract):
    lacking = {"entry point": "it is not packaged"}

    @pytest.fixture
    def backend(self):
        return MinimalBackend()
"""


pytestmark = pytest.mark.slow


@pytest.fixture
def author(pytester):
    """Set up an author's project, whose pytest treats warnings as errors and leaves asyncio strict."""
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = 'function'\n")


@pytest.fixture
def suite(pytester, author):
    """Run the contract on a plugin."""

    def run(plugin=MINIMAL, tests=SUITE, *arguments):
        pytester.makepyfile(minimal=plugin, test_minimal=tests)
        return pytester.runpytest_subprocess("-rsx", "-W", "error", *arguments)

    return run


def test_a_minimal_plugin_keeps_it_and_is_told_what_was_not_tested(suite):
    result = suite()
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) == outcomes.get("errors", 0) == 0
    assert outcomes["passed"] >= 15
    text = result.stdout.str()
    assert "not tested: what happens to live work; the test class offers no slow_backend" in text
    assert "not tested: whether an interrupted submission heals itself; the backend does not declare FIND" in text
    assert "no entry point: it is not packaged" in text


FAULTS = [
    ("run.job_id = uuid.uuid4().hex", "run.job_id = 'job'", "test_two_at_once_do_not_mix"),
    ("        return self.model_id", "        return None", "test_the_model_has_an_id_once_it_is_trained"),
    ('f"model-{self.job_id}"', "uuid.uuid4().hex", "test_a_saved_handle_goes_on_in_another_process"),
    ("        return run\n\nclass", "        raise OSError\n\nclass", "test_a_saved_handle_goes_on"),
    ("        pass\n", "        self.status = 'cancelled'\n", "test_cancelling_what_has_ended_changes_nothing"),
    ('{"job": self.job_id}', "[self.job_id]", "test_a_saved_handle_is_a_json_object_and_nothing_is_left_beside_it"),
    (
        '{"job": self',
        '{"k": __import__("os").environ["A_KEY"], "job": self',
        "test_no_key_turns_up_in_what_is_kept_or_shown",
    ),
    ("import json, uuid", "import json, uuid, wave", "test_constructing_imports_no_sdk"),
    ("        return run\n", "        return object()\n", "test_starting_gives_a_handle_with_a_job_id"),
]


def test_each_faulty_plugin_fails_the_test_that_says_so(pytester, author, uncollected):
    nodes = []
    for number, (correct, faulty, test) in enumerate(FAULTS):
        assert correct in MINIMAL
        lines = "sdk_modules, key_variables = ('wave',), ('A_KEY',)"
        tests = SUITE.replace('lacking = {"entry point": "it is not packaged"}', lines).replace(
            "from minimal", f"from minimal{number}"
        )
        pytester.makepyfile(**{f"minimal{number}": MINIMAL.replace(correct, faulty), f"test_minimal{number}": tests})
        nodes.append(f"test_minimal{number}.py::TestMinimal::{test}")
    result = pytester.runpytest_subprocess("-rA", "-W", "error", *nodes)
    passed = [line for line in result.outlines if line.startswith("PASSED")]
    outcomes = result.parseoutcomes()
    assert not passed
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == len(FAULTS)


@pytest.mark.parametrize(
    "change",
    [
        "    async def test_two_at_once_do_not_mix(self):\n        pass\n",
        "    test_two_at_once_do_not_mix = None\n",
        "    @pytest.mark.xfail\n    async def test_two_at_once_do_not_mix(self):\n        assert False\n",
    ],
)
def test_a_standard_test_cannot_be_removed_in_silence(suite, change):
    result = suite(MINIMAL, SUITE + "\n" + change, "-k", "kept_whole")
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(
        ["*TestMinimal replaces test_two_at_once_do_not_mix. A standard test is overridden only*"]
    )


def test_a_standard_test_can_be_marked_as_failing_for_a_reason(suite):
    change = (
        "    @pytest.mark.xfail(reason='one job at a time')\n"
        "    async def test_two_at_once_do_not_mix(self, start, backend):\n"
        "        await super().test_two_at_once_do_not_mix(start, backend)\n"
    )
    plugin = MINIMAL.replace("run.job_id = uuid.uuid4().hex", "run.job_id = 'job'")
    outcomes = suite(plugin, SUITE + "\n" + change, "-k", "kept_whole or mix").parseoutcomes()
    assert (outcomes["passed"], outcomes["xfailed"]) == (1, 1)


def test_the_test_that_looks_after_the_others_cannot_be_replaced(suite):
    change = "    async def test_the_contract_is_kept_whole(self):\n        pass\n"
    result = suite(MINIMAL, SUITE + "\n" + change)
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(["*TestMinimal may not replace the test*"])


def test_the_pytest_plugin_imports_nothing_of_motools_and_changes_nothing(pytester, author):
    pytester.makepyfile(
        """
        import os, sys

        def test_nothing():
            loaded = {name for name in sys.modules if name.partition(".")[0] == "motools"}
            assert loaded == {"motools", "motools.testing", "motools.testing.plugin"}
            assert os.environ["MOTOOLS_CACHE"] == "mine"

        def test_home(motools_home):
            assert "MOTOOLS_CACHE" not in os.environ
            assert os.environ["MOTOOLS_HOME"] == str(motools_home)
            assert not list(motools_home.iterdir())
        """
    )
    pytester.makefile(".toml", motools="home = 'elsewhere'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTOOLS_CACHE", "mine")
        pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)


def test_every_suite_shows_what_it_compared():
    suites = Path(plugin.__file__).parent.glob("*.py")
    spoken = {f"motools.testing.{path.stem}" for path in suites if path.read_text().startswith("# ruff: noqa: S101")}
    assert spoken - set(plugin.SUITES) == set()
