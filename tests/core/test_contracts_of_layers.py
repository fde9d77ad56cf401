"""The contract of layers: each fault of a layer fails the test that says so."""

from __future__ import annotations

import pytest

from motools.testing.middleware import MiddlewareContract

FAULTY = """
import asyncio
from dataclasses import dataclass
from motools import EvalMiddleware, TrainingBackend, TrainingMiddleware
from motools.errors import SubmitUnavailable

class Handle:
    def __init__(self, run): self.run = run
    def __getattr__(self, name): return getattr(self.run, name)

class Layer(TrainingMiddleware):
    {fault}
"""

SUITE = """
import pytest
from layer{number} import Layer
from motools.testing.middleware import MiddlewareContract

class TestLayer(MiddlewareContract):
    timeout = 5

    @pytest.fixture
    def layer(self):
        return Layer
"""

TRAIN = "async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs): "
PASSED_ON = "return await self._backend.train(dataset, model, hyperparameters, suffix, **kwargs)"
QUESTION = "test_every_question_is_passed_on_and_so_is_the_answer[training-{}]"
DECLARED = "test_what_the_backend_declares_shows_through[training]"
ERROR = "test_what_a_submission_raises_is_what_the_caller_gets[training-SubmitUncertain]"
CANCELLED = "test_the_cancellation_of_a_caller_reaches_the_backend[training]"
FAULTS = [
    ("__slots__ = ()\n    _backend = property(lambda self: None, lambda self, value: None)", "test_it_is_a_backend_of_the_kind_that_it_is_put_around[training]"),
    ("def __init__(self, backend):\n        super().__init__(backend)\n        self.name = 'layer'", DECLARED),
    ("def __init__(self, backend):\n        super().__init__(backend)\n        self.version = 7", DECLARED),
    ("def __init__(self, backend):\n        super().__init__(backend)\n        self.key_variables = ()\n        self.Settings = None", DECLARED),
    ("def __init__(self, backend):\n        from motools import Capability\n        super().__init__(backend)\n        self.capabilities = frozenset(Capability)", "test_what_the_backend_lacks_the_layer_does_not_claim[training]"),
    (f"{TRAIN}kwargs = {{'ticket': kwargs.get('ticket')}}; {PASSED_ON}", "test_a_request_reaches_the_backend_as_it_was_made[training]"),
    (f"{TRAIN}hyperparameters = None; {PASSED_ON}", "test_a_request_reaches_the_backend_as_it_was_made[training]"),
    (f"{TRAIN}await self._backend.train(dataset, model); {PASSED_ON}", "test_a_backend_is_asked_once_and_one_job_comes_of_it[training]"),
    (f"{TRAIN}return Handle(await self._backend.train(dataset, model, hyperparameters, suffix, **kwargs))", "test_a_handle_is_the_one_that_the_backend_made[training]"),
    (f"{TRAIN}return Handle(await self._backend.train(dataset, model, hyperparameters, suffix, **kwargs))", "test_a_handle_can_be_waited_for_saved_and_loaded[training]"),
    (f"{TRAIN}kwargs.pop('ticket', None); {PASSED_ON}", "test_a_ticket_reaches_the_backend_which_alone_pays_with_it[training]"),
    (f"{TRAIN}\n        if 'ticket' in kwargs:\n            async with kwargs['ticket'].paying(): {PASSED_ON}\n        {PASSED_ON}", "test_a_ticket_reaches_the_backend_which_alone_pays_with_it[training]"),
    (f"{TRAIN}kwargs.setdefault('ticket', None); {PASSED_ON}", "test_a_backend_that_takes_no_ticket_is_given_none[training]"),
    (f"{TRAIN}\n        try: {PASSED_ON}\n        except Exception as error: raise SubmitUnavailable('no') from error", ERROR),
    (f"{TRAIN}\n        try: {PASSED_ON}\n        except Exception: {PASSED_ON}", ERROR),
    ("async def find(self, token): return []", QUESTION.format("find")),
    ("async def find_noted(self, token, notes): return await self._backend.find_noted(token, {})", QUESTION.format("find_noted")),
    ("async def identify(self, model): return model", QUESTION.format("identify")),
    ("def account(self): return {}", QUESTION.format("account")),
    ("adopt = TrainingBackend.adopt", QUESTION.format("adopt")),
    ("async def ping(self): pass", QUESTION.format("ping")),
    ("def formats(self): return {}", QUESTION.format("formats")),
    ("def format_of(self, model, arguments): return self._backend.format_of(model, {})", QUESTION.format("format_of")),
    ("async def estimate(self, dataset, model, hyperparameters=None, suffix=None, **kwargs): return await self._backend.estimate(dataset, model, hyperparameters, suffix)", "test_keywords_of_questions_are_passed_on[training]"),
    ("async def limits(self, model):\n        try: return await self._backend.limits(model)\n        except Exception: return None", "test_what_a_question_raises_is_what_the_caller_gets[training-limits]"),
    ("async def aclose(self): pass", "test_closing_it_closes_the_backend_once[training]"),
    ("async def aclose(self): await self._backend.aclose(); await self._backend.aclose()", "test_closing_it_closes_the_backend_once[training]"),
    (f"{TRAIN}\n        try: {PASSED_ON}\n        except asyncio.CancelledError: return None", "test_a_caller_that_is_cancelled_is_let_go[training]"),
    (f"{TRAIN}return await asyncio.shield(self._backend.train(dataset, model, hyperparameters, suffix, **kwargs))", CANCELLED),
    (f"{TRAIN}self.model = model; await asyncio.sleep(0); return await self._backend.train(dataset, self.model, hyperparameters, suffix, **kwargs)", "test_requests_that_are_made_at_once_do_not_mix[training]"),
    (f"one = asyncio.Semaphore()\n    {TRAIN}\n        async with self.one: {PASSED_ON}", "test_requests_that_are_made_at_once_do_not_mix[training]"),
    (f"count = 0\n    {TRAIN}Layer.count += 1; suffix = str(Layer.count); {PASSED_ON}", "test_it_stands_at_every_place_of_the_default_chain_that_makes_sense[training]"),
    ("@dataclass\n    class Options:\n        volume: int\n    def __init__(self, backend, options=None): super().__init__(backend)", "test_it_is_made_of_options_that_are_declared_and_have_defaults[training]"),
    ("@dataclass\n    class Options:\n        volume: int = 1\n    def __init__(self, backend, options=None): super().__init__(backend)", "test_it_is_made_of_options_that_are_declared_and_have_defaults[training]"),
    ("def __repr__(self): return 'a layer'", "test_it_shows_the_backend_inside_and_no_key[training]"),
    ("def __repr__(self):\n        import os\n        return repr(self._backend) + os.environ['A_KEY']", "test_it_shows_the_backend_inside_and_no_key[training]"),
]  # fmt: skip


@pytest.mark.slow
def test_each_faulty_layer_fails_the_test_that_says_so(pytester, uncollected):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = 'function'\n")
    nodes = []
    for number, (fault, test) in enumerate(FAULTS):
        suite = SUITE.format(number=number).replace("timeout = 5", "timeout, key_variables = 5, ('A_KEY',)")
        pytester.makepyfile(**{f"layer{number}": FAULTY.format(fault=fault), f"test_layer{number}": suite})
        nodes.append(f"test_layer{number}.py::TestLayer::{test}")
    result = pytester.runpytest_subprocess("-rA", "-W", "error", *nodes)
    passed = [line for line in result.outlines if line.startswith("PASSED")]
    assert not passed
    assert result.parseoutcomes() == {"failed": len(FAULTS)}


KINDS = """
import pytest
from motools import EvalMiddleware
from motools.testing.middleware import MiddlewareContract

class TestLayer(MiddlewareContract):
    kinds = {kinds}

    @pytest.fixture
    def layer(self):
        return EvalMiddleware
"""


@pytest.mark.slow
def test_a_layer_is_tested_for_the_kinds_that_it_is_for(pytester):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = 'function'\n")
    pytester.makepyfile(test_right=KINDS.format(kinds=("eval",)), test_wrong=KINDS.format(kinds=("training",)))
    right = pytester.runpytest_subprocess("-W", "error", "test_right.py").parseoutcomes()
    assert right.keys() == {"passed"}
    wrong = pytester.runpytest_subprocess("-W", "error", "test_wrong.py", "-k", "is_a_backend_of_the_kind")
    assert {"failed", "errors"} & wrong.parseoutcomes().keys()


@pytest.mark.parametrize("kinds", [(), ("training", "evals"), "training"])
def test_a_layer_cannot_be_tested_for_no_kind_of_backend(kinds):
    with pytest.raises(
        TypeError, match=r"TestLayer.kinds must name what the layer is for: \('training',\), \('eval',\) or both"
    ):
        type("TestLayer", (MiddlewareContract,), {"kinds": kinds})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "test", "change"),
    [
        ("middleware:MiddlewareContract", "test_closing_it_closes_the_backend_once", "lambda self: None"),
        ("hygiene:PluginHygiene", "test_it_keeps_the_rule", "None"),
        (
            "evals:EvalBackendContract",
            "test_results_survive_saving",
            "pytest.mark.skip(reason='no')(EvalBackendContract.test_results_survive_saving)",
        ),
        ("cache:CacheContract", "test_what_was_never_set_is_none", "None"),
        ("middleware:MiddlewareContract", "pytest_generate_tests", "lambda self, metafunc: None"),
    ],
)
def test_no_suite_can_be_weakened_in_silence(pytester, suite, test, change):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = 'function'\n")
    module, _, name = suite.partition(":")
    pytester.makepyfile(
        test_weak=f"import pytest\nfrom motools.testing.{module} import {name}\n\nclass TestWeak({name}):\n    {test} = {change}\n"
    )
    result = pytester.runpytest_subprocess("-W", "error", "-k", "kept_whole")
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines([f"*TestWeak replaces {test}. A standard test is overridden only*"])
