"""The contract of optional powers: each fault of a backend fails the test that says so."""

from __future__ import annotations

import pytest

FAULTY = """
from motools import Checkpoint, Estimate, Format, Limits, Progress
from motools.training.backends.dummy import DummyTrainingBackend, DummyTrainingRun

class Run(DummyTrainingRun):
    {run}

class Backend(DummyTrainingBackend):
    run_type = Run

    def _run(self, service, job):
        run = self.run_type(service, job.job_id)
        run.take(job)
        return run

    {backend}
"""

SUITE = """
import pytest
from faulty{number} import Backend
from motools.testing.training import TrainingBackendContract

class TestFaulty(TrainingBackendContract):
    timeout = 5

    @pytest.fixture
    def backend(self):
        return Backend(duration=0.05)

    @pytest.fixture
    def slow_backend(self):
        return Backend(duration=60)

    @pytest.fixture
    def pausable_backend(self):
        return Backend(duration=1)

    @pytest.fixture
    def bill(self, backend):
        return backend.service.jobs
"""

METRICS = "test_metrics_are_rows_in_the_order_of_their_steps"
CHECKPOINTS = "test_checkpoints_are_in_the_order_of_their_steps"
DELETED = "test_a_deleted_checkpoint_is_gone_for_every_handle"
PAUSED = "test_a_paused_run_is_held_until_it_may_go_on"
FORMATS = "test_formats_have_their_names_and_rules_that_say_what_is_wrong"
DATASETS = "test_keywords_that_are_datasets_are_read_before_anything_is_paid"
ESTIMATE = "test_an_estimate_is_plain_and_says_what_it_rests_on"
MORE = "test_more_data_costs_more"
FAULTS = [
    ("backend", "async def estimate(self, *a, **k): return {'cost': 1}", ESTIMATE),
    ("backend", "async def estimate(self, *a, **k): return Estimate(tokens=1, cost=1)", ESTIMATE),
    (
        "backend",
        "async def estimate(self, *a, **k): return Estimate(tokens=1, cost=float('nan'), assumptions=('x',))",
        ESTIMATE,
    ),
    ("backend", "async def estimate(self, *a, **k): return Estimate(tokens=1, cost=-1, assumptions=('x',))", ESTIMATE),
    ("backend", "async def estimate(self, *a, **k): return Estimate(tokens=1, cost=1, assumptions=('x',))", MORE),
    ("backend", "async def estimate(self, *a, **k): return Estimate(tokens=0, cost=0, assumptions=('x',))", MORE),
    (
        "backend",
        "async def estimate(self, *a, **k): return Estimate(tokens=1, cost=1, examples=id(a[0]))",
        "test_an_estimate_is_the_same_in_whatever_form_the_data_are",
    ),
    (
        "backend",
        "async def estimate(self, *a, **k): return Estimate(tokens=1, cost=1)",
        "test_what_cannot_be_read_has_no_estimate",
    ),
    (
        "backend",
        "async def estimate(self, *a, **k): await self.train(*a, **k)",
        "test_an_estimate_submits_and_uploads_nothing",
    ),
    ("run", "async def metrics(self): return []", METRICS),
    ("run", "async def metrics(self): return list(await super().metrics())[::-1]", METRICS),
    ("run", "async def metrics(self): return [{'step': 0}]", METRICS),
    ("run", "async def metrics(self): return [{'step': 1}, {'step': 1}]", METRICS),
    ("run", "async def metrics(self): return [{'step': 1, 'loss': float('nan')}]", METRICS),
    ("run", "async def metrics(self): return [{'step': 1, 'loss': [1]}]", METRICS),
    ("run", "async def metrics(self): return [{'step': id(self)}]", "test_metrics_are_the_same_in_another_process"),
    (
        "run",
        "async def metrics(self): return iter(await super().metrics()) if self.model_id else None",
        "test_a_live_run_may_be_asked_for_metrics_and_checkpoints",
    ),
    ("run", "async def checkpoints(self): return list(await super().checkpoints())[::-1]", CHECKPOINTS),
    ("run", "async def checkpoints(self): return [Checkpoint(id='a', step=1)] * 2", CHECKPOINTS),
    ("run", "async def checkpoints(self): return [Checkpoint(id='a', step=1, model_id='')]", CHECKPOINTS),
    ("run", "async def checkpoints(self): return [Checkpoint(id='a', step=1, created_at=float('inf'))]", CHECKPOINTS),
    ("run", "async def delete_checkpoint(self, checkpoint_id): pass", DELETED),
    ("run", "async def delete_checkpoint(self, checkpoint_id): pass", "test_an_unknown_checkpoint_cannot_be_deleted"),
    ("run", "async def pause(self): self.is_paused = True", PAUSED),
    ("run", "async def unpause(self): self.is_paused = False", PAUSED),
    (
        "run",
        "async def pause(self): self.is_paused = True",
        "test_a_paused_run_is_paused_for_every_handle_and_can_be_cancelled",
    ),
    (
        "run",
        "async def pause(self): self.status, self.is_paused = 'running', True",
        "test_pausing_what_has_ended_changes_nothing",
    ),
    (
        "backend",
        "async def has_model(self, model_id): return True",
        "test_a_trained_model_is_there_and_an_invented_one_is_not",
    ),
    (
        "backend",
        "async def has_model(self, model_id): return False",
        "test_a_trained_model_is_there_and_an_invented_one_is_not",
    ),
    (
        "backend",
        "async def adopt(self, job_id): return DummyTrainingRun(self.service, job_id)",
        "test_what_is_adopted_by_its_id_is_the_same_work",
    ),
    (
        "backend",
        "async def adopt(self, job_id): return Run(self.service, job_id)",
        "test_what_the_service_does_not_know_is_not_adopted",
    ),
    (
        "backend",
        "async def adopt(self, job_id): (run := await super().adopt(job_id)).metadata['model'] = 'x'; return run",
        "test_what_is_adopted_does_not_contradict_what_was_asked_for",
    ),
    ("backend", "async def limits(self, model): return {}", "test_limits_are_counts_and_a_time"),
    ("backend", "async def limits(self, model): return Limits(live=0)", "test_limits_are_counts_and_a_time"),
    ("backend", "async def limits(self, model): return Limits(concurrent=-1)", "test_limits_are_counts_and_a_time"),
    ("backend", "def formats(self): return {}", FORMATS),
    ("backend", "def formats(self): return {'chat': Format(name='dpo', rules=())}", FORMATS),
    ("backend", "def formats(self): return {'chat': Format(name='chat', rules=())}", FORMATS),
    ("backend", "def format_of(self, model, arguments): return 'dpo'", FORMATS),
    (
        "backend",
        "def formats(self): return {'x': Format(name='x', rules=(lambda record: ['is wrong.'],))}",
        "test_the_standard_dataset_is_in_the_format_of_a_plain_request",
    ),
    ("backend", "dataset_keywords = ('validation', 'further')", DATASETS),
    (
        "backend",
        "async def train(self, *a, validation=None, **k): return await super().train(*a, **k)",
        DATASETS,
    ),
]


@pytest.mark.slow
def test_each_faulty_power_fails_the_test_that_says_so(pytester):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = 'function'\n")
    nodes = []
    for number, (where, fault, test) in enumerate(FAULTS):
        plugin = FAULTY.format(**{"run": "pass", "backend": "pass", where: fault})
        pytester.makepyfile(**{f"faulty{number}": plugin, f"test_faulty{number}": SUITE.format(number=number)})
        nodes.append(f"test_faulty{number}.py::TestFaulty::{test}")
    result = pytester.runpytest_subprocess("-rA", "-W", "error", *nodes)
    passed = [line for line in result.outlines if line.startswith("PASSED")]
    outcomes = result.parseoutcomes()
    assert not passed
    assert outcomes == {"failed": len(FAULTS)}
