"""The suite's own rules: in CI nothing is skipped unnoticed, and long searches are run when asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

SUITE = """
    import os
    import pytest

    def test_here():
        pass

    def test_for_a_gpu():
        pytest.skip("no device: CUDA")

    @pytest.mark.skipif(True, reason="no server")
    def test_of_a_server():
        pass

    def test_of_another_server():
        pytest.importorskip("no_such_module")

    @pytest.mark.xfail(reason="known")
    def test_known():
        assert False

    def test_lacking():
        pytest.xfail("by nature")

    @pytest.mark.soak
    def test_long():
        pass

    def test_home():
        assert "motools_home" in os.environ["MOTOOLS_HOME"]
        assert os.environ["HF_HUB_OFFLINE"] == "1"
"""


@pytest.fixture
def outcomes(pytester, monkeypatch):
    """Run a suite under the real conftest."""

    def run(*arguments, ci):
        monkeypatch.setenv("CI", ci)
        pytester.makeconftest(Path(__file__).parents[1].joinpath("conftest.py").read_text(encoding="utf-8"))
        pytester.makeini("[pytest]\nmarkers = soak: long\nasyncio_default_fixture_loop_scope = function")
        pytester.makepyfile(SUITE)
        return pytester.runpytest_subprocess(*arguments)

    return run


@pytest.mark.slow
def test_in_ci_only_a_missing_device_may_be_skipped(outcomes):
    result = outcomes(ci="true")
    result.assert_outcomes(passed=2, skipped=1, failed=1, errors=1, xfailed=2, deselected=1)
    result.stdout.fnmatch_lines(["*test_of_a_server was skipped in CI: no server"])


@pytest.mark.slow
def test_in_ci_a_module_may_not_be_skipped_either(outcomes, pytester):
    pytester.makepyfile(test_module="import pytest\npytest.importorskip('no_such_module')\n")
    result = outcomes("test_module.py", ci="true")
    result.assert_outcomes(errors=1)


@pytest.mark.slow
def test_elsewhere_skips_are_skips_and_long_searches_are_run_when_asked_for(outcomes):
    outcomes("--soak", ci="").assert_outcomes(passed=3, skipped=3, xfailed=2)
