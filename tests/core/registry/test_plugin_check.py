"""`motools plugin check`: a plugin is held to the rules and to its contract, and what was not tested is told."""

from __future__ import annotations

import json
import sys

import pytest

from motools.cli.app import run

pytestmark = pytest.mark.slow  # each plugin, and each contract, has a process of its own

LAYER = """
from motools import EvalMiddleware, TrainingMiddleware

class AcmeTrainingLayer(TrainingMiddleware):
    pass

class AcmeEvalLayer(EvalMiddleware):
    pass

class Both(AcmeTrainingLayer):
    counterpart = AcmeEvalLayer

class Forgetful(TrainingMiddleware):
    async def aclose(self): pass

class Demanding(TrainingMiddleware):
    def __init__(self, backend):
        from motools.errors import SettingError
        raise SettingError("The layer needs a ceiling.")
"""
HOOKS = "from motools import hookimpl\n@hookimpl\ndef motools_run_event(event): pass\n"


@pytest.fixture
def install(world):
    """Return what installs a typed plugin called acme that requires core."""

    def install(source, **groups):
        info = world.install("acme", "2.0", modules={"acme_check/__init__": source}, **groups)
        (world.site / "acme_check" / "py.typed").touch()
        with (info / "METADATA").open("a") as file:
            file.write("Requires-Dist: motools-core>=0.1,<1\n")

    return install


@pytest.fixture
def check(capsys):
    """Return what checks a plugin: its exit status, and what is told in JSON."""

    def check(name="acme", *arguments):
        status = run(["plugin", "check", name, "--json", *arguments])
        return status, json.loads(capsys.readouterr().out)

    return check


def test_a_backend_without_its_authors_tests_is_tested_as_far_as_that_goes_and_the_rest_is_told(
    install, training, check
):
    install(
        f"{training.format(name='Acme')}\n    async def identify(self, model): raise RuntimeError(model)\n",
        training={"acme": "acme_check:AcmeTrainingBackend"},
    )
    status, told = check()
    assert (status, told["problems"], told["name"]) == (0, 0, "acme")
    [plugin], [contract] = told["plugins"], told["contracts"]
    assert (plugin["kind"], plugin["version"], plugin["status"], plugin["findings"]) == ("training", "2.0", "ok", [])
    assert 0 < plugin["seconds"] < 20
    assert (contract["suite"], contract["plugin"], contract["failed"]) == ("TrainingBackendContract", "acme", [])
    assert contract["trouble"] is None
    assert contract["passed"] >= 7
    reasons = {each["test"]: each["reason"] for each in contract["not_tested"]}
    assert "its service was given no work" in reasons["test_a_suffix_is_taken"]
    assert "whether an interrupted submission heals itself" in reasons["test_what_was_submitted_is_found_by_its_token"]


def test_an_evaluation_backend_is_tested_too(install, evals, check):
    install(evals.format(name="Acme"), evals={"acme": "acme_check:AcmeEvalBackend"})
    status, told = check()
    assert status == 0
    assert told["contracts"][0]["suite"] == "EvalBackendContract"
    assert told["contracts"][0]["passed"] >= 4


def test_a_class_beside_motools_toml_is_tested_too(world, check, evals):
    world.configure('[plugins.backends]\nmine = "mine:MineEvalBackend"\n', mine=evals.format(name="Mine"))
    status, told = check("mine")
    assert (status, told["problems"], told["plugins"][0]["findings"]) == (0, 0, [])
    [contract] = told["contracts"]
    assert (contract["suite"], contract["plugin"]) == ("EvalBackendContract", "mine")
    assert contract["passed"] >= 4
    reasons = {each["test"]: each["reason"] for each in contract["not_tested"]}
    assert reasons["test_the_name_is_that_of_the_entry_point"].startswith("no entry point: it is named by")


def test_an_account_that_has_to_be_configured_first_is_no_problem(install, evals, check):
    account = "    def account(self):\n        from motools.errors import UsageError\n        raise UsageError('Set ACME_URL.')"
    install(f"{evals.format(name='Acme')}\n{account}\n", evals={"acme": "acme_check:AcmeEvalBackend"})
    status, told = check()
    assert (status, told["problems"]) == (0, 0)
    reasons = {each["test"]: each["reason"] for each in told["contracts"][0]["not_tested"]}
    assert reasons["test_the_account_is_json"] == "it has no account without being configured: Set ACME_URL."


@pytest.mark.parametrize(("name", "least"), [("AcmeEvalLayer", 25), ("Both", 60)])
def test_a_layer_is_tested_whole_for_the_kinds_that_it_is_for(install, check, name, least):
    install(LAYER, middleware={"acme": f"acme_check:{name}"})
    status, told = check()
    assert (status, told["problems"]) == (0, 0)
    [contract] = told["contracts"]
    assert (contract["suite"], contract["not_tested"]) == ("MiddlewareContract", [])
    assert contract["passed"] > least


def test_a_layer_that_breaks_its_contract_is_a_problem(install, check):
    install(LAYER, middleware={"acme": "acme_check:Forgetful"})
    status, told = check()
    assert (status, told["problems"]) == (1, 1)
    [failed] = told["contracts"][0]["failed"]
    assert failed["test"] == "test_closing_it_closes_the_backend_once[training]"
    assert "assert" in failed["what"]


def test_a_layer_that_needs_options_is_told_to_need_its_authors_tests(install, check):
    install(LAYER, middleware={"acme": "acme_check:Demanding"})
    status, told = check()
    assert status == 0
    reasons = {each["reason"] for each in told["contracts"][0]["not_tested"]}
    assert any("The layer needs a ceiling. Its author's tests say with which (--tests)" in reason for reason in reasons)


def test_stores_hooks_and_commands_are_held_to_the_rules_and_the_rest_is_said(install, check):
    install(
        f"{HOOKS}\nimport click\n@click.command()\ndef go(): pass\ndef store(url): pass\n",
        hooks={"acme": "acme_check"},
        cache={"acme": "acme_check:store"},
        commands={"acme": "acme_check:go"},
    )
    status, told = check()
    assert status == 0
    reasons = {contract["not_tested"][0]["test"]: contract["not_tested"][0]["reason"] for contract in told["contracts"]}
    assert reasons.keys() == {"CacheContract", "hooks", "commands"}
    assert "its author's tests say which (--tests)" in reasons["CacheContract"]


def test_a_rule_that_is_broken_is_a_problem_and_advice_is_none(install, world, training, check):
    install(f"print('hello')\n{training.format(name='Acme')}", training={"acme": "acme_check:AcmeTrainingBackend"})
    (world.site / "acme_check" / "py.typed").unlink()
    status, told = check()
    assert (status, told["problems"]) == (1, 1)
    levels = {finding["rule"]: (finding["level"], finding["what"]) for finding in told["plugins"][0]["findings"]}
    assert levels["output"] == ("problem", "printed 'hello'")
    assert levels["typed"][0] == "advice"
    assert all(finding["remedy"] for finding in told["plugins"][0]["findings"])


def test_what_cannot_be_imported_is_a_problem_and_is_given_no_contract(install, check):
    install("import os\nos._exit(7)", training={"acme": "acme_check:AcmeTrainingBackend"})
    status, told = check()
    assert (status, told["problems"], told["contracts"]) == (1, 1, [])
    assert "exit status 7" in told["plugins"][0]["findings"][0]["what"]


def test_a_name_that_nothing_has_is_wrong_usage(install, capsys):
    install(HOOKS, hooks={"acme": "acme_check"})
    assert run(["plugin", "check", "acmee"]) == 2
    assert "is called 'acmee'. Did you mean 'acme'?" in capsys.readouterr().err


TESTS = """
import os, pytest
from motools.testing.cache import CacheContract
from motools.testing.hygiene import PluginHygiene

class TestHygiene(PluginHygiene):
    distribution = "acme"

class TestStore(CacheContract):
    lacking = {"ledger": "it only remembers results", "other processes": "it lives in one process"}

    @pytest.fixture
    def opener(self):
        from acme_check import Store
        store = Store()
        return lambda: store

def test_of_its_own():
    assert not os.environ.get("ACME_API_KEY"), "the key is " + os.environ["ACME_API_KEY"]
"""
STORE = """
import json

class Store:
    def __init__(self, url=""):
        self.found = {}
    async def get_model_id(self, key): return self.found.get(("model", key))
    async def set_model_id(self, key, model_id): self.found["model", key] = model_id
    async def get_eval_results(self, key): return self.found.get(("results", key))
    async def set_eval_results(self, key, results): self.found["results", key] = json.loads(json.dumps(results, allow_nan=False))
    async def get_file_id(self, digest, account): return self.found.get((digest, account))
    async def set_file_id(self, digest, account, file_id): self.found[digest, account] = file_id
"""


@pytest.fixture
def authors(world, tmp_path):
    """Return what writes the author's tests, and returns where."""

    def write(source):
        directory = tmp_path / "authors"
        directory.mkdir()
        (directory / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        (directory / "test_contract.py").write_text(source)
        return str(directory)

    return write


@pytest.fixture
def store(install):
    install(STORE, cache={"acme": "acme_check:Store"})


def test_the_authors_tests_are_run_and_told_by_suite_and_no_key_with_them(store, authors, check, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "canary-0123456789")
    status, told = check("acme", "--tests", authors(TESTS))
    assert (status, told["problems"]) == (1, 1)
    suites = {contract["suite"]: contract for contract in told["contracts"]}
    assert suites.keys() == {"CacheContract", "PluginHygiene", ""}
    assert suites["CacheContract"]["passed"] >= 5
    assert suites["CacheContract"]["failed"] == suites["PluginHygiene"]["failed"] == []
    assert "no ledger: it only remembers results" in {each["reason"] for each in suites["CacheContract"]["not_tested"]}
    [failed] = suites[""]["failed"]
    assert failed["test"] == "test_of_its_own"
    assert "the key is [ACME_API_KEY]" in failed["what"]
    assert "canary" not in json.dumps(told)


def test_tests_may_be_an_importable_module(store, world, check):
    suite = "from motools.testing.cache import CacheContract\n\nclass TestStore(CacheContract): pass"
    world.write(world.site / "acme_check" / "contract.py", f"{suite}\n")
    status, told = check("acme", "--tests", "acme_check.contract::TestStore::test_the_contract_is_kept_whole")
    assert (status, [(each["suite"], each["passed"]) for each in told["contracts"]]) == (0, [("CacheContract", 1)])


@pytest.mark.parametrize("place", ["no_such.py", "nowhere/tests", "no_such.py::TestStore"])
def test_tests_at_a_path_to_nothing_are_wrong_usage(store, place, capsys):
    assert run(["plugin", "check", "acme", "--tests", place]) == 2
    assert f"There are no tests at {place.partition('::')[0]}" in capsys.readouterr().err


def test_words_that_cannot_be_printed_and_a_report_that_is_spoilt_break_nothing(store, authors, check):
    source = (
        "import sys\n"
        "def test_one():\n"
        "    with open(sys.argv[sys.argv.index('--told') + 1], 'a') as told: told.write('{ [ nonsense\\n7\\n')\n"
        "    raise ValueError('\\udc80')\n"
    )
    status, told = check("acme", "--tests", authors(source))
    assert status == 1
    [failed] = told["contracts"][0]["failed"]
    assert failed == {"test": "test_one", "what": "ValueError: ?"}
    assert run(["plugin", "check", "acme", "--tests", "authors"]) == 1


@pytest.mark.parametrize(
    ("source", "trouble"),
    [
        ("def test_one(): pass", "no class in {} inherits it"),
        ("", "{}: there are no tests"),
        ("import no_such_sdk", "No module named 'no_such_sdk'"),
        ("def test_one():\n    import os\n    os._exit(0)", "with exit status 0 in test_contract.py::test_one"),
        (
            "def test_one():\n    import time\n    time.sleep(300)",
            "it had not ended after 8 s, in test_contract.py::test_one",
        ),
    ],
)
def test_tests_that_prove_nothing_are_a_problem(store, authors, check, source, trouble):
    place = authors(source)
    status, told = check("acme", "--tests", place, "--timeout", "8" if "sleep" in source else "60")
    assert (status, told["problems"]) == (1, 1)
    assert trouble.format(place) in " ".join(contract["trouble"] or "" for contract in told["contracts"])


def test_the_report_is_for_people(install, training, capsys):
    install(f"print('hello')\n{training.format(name='Acme')}", training={"acme": "acme_check:AcmeTrainingBackend"})
    assert run(["plugin", "check", "acme"]) == 1
    printed, words = capsys.readouterr()
    lines = printed.splitlines()
    assert lines[0].startswith("acme, training, of acme 2.0, imported in 0.")
    assert lines[1:3] == [
        "  problem     printed 'hello'",
        "              -> Log through logging.getLogger, or tell it when it is asked.",
    ]
    assert lines[3].startswith("TrainingBackendContract of acme: ")
    assert any(
        line.startswith("  not tested  its service was given no work") and line.endswith(" tests)") for line in lines
    )
    assert words == "1 problem.\n"


def test_without_pytest_the_contract_is_said_to_be_untested(install, world, training, monkeypatch, check):
    install(training.format(name="Acme"), training={"acme": "acme_check:AcmeTrainingBackend"})
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "site-packages" not in place])
    monkeypatch.delitem(sys.modules, "pytest_asyncio")
    status, told = check()
    assert status == 0
    assert told["contracts"][0]["not_tested"] == [
        {
            "test": "TrainingBackendContract",
            "reason": "pytest_asyncio not installed: python -m pip install 'motools-core[testing]'",
        }
    ]
