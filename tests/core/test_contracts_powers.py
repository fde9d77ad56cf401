"""The contract of backends and their optional powers: each fault fails the test that says so."""

from __future__ import annotations

import pytest

FAULTY = """
import asyncio, hashlib, json, os, urllib.request
from pathlib import Path
from motools import Checkpoint, Estimate, Format, Limits, Progress, RunStatus
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
from pathlib import Path
from faulty{number} import Backend
from motools.testing.training import TrainingBackendContract

class TestFaulty(TrainingBackendContract):
    timeout = 5
    key_variables = ("A_KEY",)

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
    def failing_backend(self):
        return Backend(fail="as told")

    @pytest.fixture
    def unavailable_backend(self):
        return Backend(submission="unavailable")

    @pytest.fixture
    async def forgotten(self, start, slow_backend):
        run = await start(slow_backend)
        run.service.path(run.job_id).unlink()
        return run

    @pytest.fixture
    async def puzzling(self, start, slow_backend):
        run = await start(slow_backend)
        Path("word").touch()
        return run

    @pytest.fixture
    def uploaded(self):
        return Path("sent").read_bytes

    @pytest.fixture
    def bill(self, backend):
        return backend.service.jobs

    @pytest.fixture
    def received(self, backend):
        return lambda: max(backend.service.jobs(), key=lambda job: job.accepted).request
"""

METRICS = "test_metrics_are_rows_in_the_order_of_their_steps"
CHECKPOINTS = "test_checkpoints_are_in_the_order_of_their_steps"
DELETED = "test_a_deleted_checkpoint_is_gone_for_every_handle"
UPLOADED = "test_the_data_reach_the_service_whole"
PUZZLED = "test_a_word_that_nobody_knows_is_no_end"
PAUSED = "test_a_paused_run_is_held_until_it_may_go_on"
FORMATS = "test_formats_have_their_names_and_rules_that_say_what_is_wrong"
DATASETS = "test_keywords_that_are_datasets_are_read_before_anything_is_paid"
ESTIMATE = "test_an_estimate_is_plain_and_says_what_it_rests_on"
MORE = "test_more_data_costs_more"
WAITERS = "test_of_those_who_wait_one_may_leave_and_the_others_hear_of_the_cancellation"
PROGRESS = "test_after_waiting_it_has_succeeded"
FORGOTTEN = "test_what_the_service_has_forgotten_is_lost"
KEYS = "test_a_key_is_the_same_in_every_process_and_under_every_hash_seed"
BACK = "test_how_live_work_stands_never_goes_back"
BUSY = "test_waiting_leaves_the_event_loop_to_others"
WINDOW = "test_the_paid_call_is_the_one_thing_in_its_window"
REACHES = "test_what_is_asked_for_reaches_the_service"
SAVED_AS = """async def save(self, path):
        await super().save(path)
        Path(path).write_text(json.dumps(json.loads(Path(path).read_text()) | {change}))
"""
FOLLOWS_ANYBODY = (
    SAVED_AS.format(change="{'server': 'http://127.0.0.1:9/v1'}")
    + """
    @classmethod
    async def load(cls, path):
        request = urllib.request.Request(json.loads(Path(path).read_text())["server"], headers={"X": os.environ["A_KEY"]})
        await asyncio.to_thread(urllib.request.urlopen, request, timeout=2)
"""
)
GOES_ON = """async def train(self, *a, ticket=None, **k):
        async with ticket.paying() as payment:
            call = asyncio.ensure_future(asyncio.sleep(0.1))
            try: await asyncio.shield(call)
            except asyncio.CancelledError: await call
            run = await super().train(*a, **k)
            payment.job_id = run.job_id
            return run
"""
SENDS = """async def train(self, dataset, *arguments, **keywords):
        lines = Path(dataset).read_text().splitlines()
        Path("sent").write_text("\\n".join({lines}))
        return await super().train(dataset, *arguments, **keywords)
"""
TAKES_FOR_AN_END = """async def refresh(self):
        await super().refresh()
        if Path("word").exists():
            self.status = RunStatus.SUCCEEDED
"""
FAULTS = [
    ("backend", SENDS.format(lines="lines[1:]"), UPLOADED),
    ("backend", SENDS.format(lines="lines + lines[:1]"), UPLOADED),
    ("backend", SENDS.format(lines="reversed(lines)"), UPLOADED),
    ("backend", SENDS.format(lines="[line.replace('u301c', 'u003f') for line in lines]"), UPLOADED),
    ("run", TAKES_FOR_AN_END, PUZZLED),
    (
        "run",
        "async def is_complete(self):\n        return Path('word').exists() or await super().is_complete()",
        PUZZLED,
    ),
    ("run", SAVED_AS.format(change="{'backend': 'other'}"), "test_a_saved_handle_names_its_backend"),
    ("run", FOLLOWS_ANYBODY, "test_no_key_is_sent_to_where_a_saved_handle_leads"),
    ("backend", GOES_ON, "test_whoever_is_cancelled_while_work_is_submitted_hears_of_it"),
    (
        "run",
        "def take(self, job): super().take(job); self.model_id = self.model_id or 'early'",
        "test_there_is_no_model_before_the_end",
    ),
    (
        "backend",
        "async def train(self, data, *a, **k):\n        run = await super().train(data, *a, **k)\n        if isinstance(data, list): data.clear()\n        return run",
        "test_a_dataset_may_be_a_path_a_dataset_or_records",
    ),
    (
        "backend",
        "async def train(self, *a, hyperparameters=None, **k):\n        run = await super().train(*a, hyperparameters=hyperparameters, **k)\n        if hyperparameters: hyperparameters.clear()\n        return run",
        "test_what_is_asked_for_reaches_the_service",
    ),
    (
        "backend",
        "def account(self): return {'who': hashlib.sha256(os.environ['A_KEY'].encode()).hexdigest()}",
        KEYS,
    ),
    (
        "run",
        "looks = 0\n    async def refresh(self):\n        await super().refresh()\n        self.looks += 1\n        if self.looks % 3 == 2: self.status = RunStatus.QUEUED",
        BACK,
    ),
    ("run", "async def refresh(self): await super().refresh(); self.status = self.status.value", BACK),
    (
        "run",
        "async def wait(self):\n        import time\n        while not await self.is_complete(): time.sleep(0.1)\n        return self.model_id",
        BUSY,
    ),
    ("run", "async def wait(self):\n        import time\n        while True: time.sleep(1)", BUSY),
    (
        "backend",
        (
            "async def train(self, *a, ticket=None, **k):\n        async with ticket.paying() as payment:\n            await super().train(*a, **k)\n"
            "            run = await super().train(*a, **k)\n            payment.job_id = run.job_id\n            return run"
        ),
        WINDOW,
    ),
    (
        "backend",
        "async def train(self, *a, ticket=None, **k):\n        run = await super().train(*a, ticket=ticket, **k)\n        await super().train(*a, **k)\n        return run",
        WINDOW,
    ),
    (
        "backend",
        "async def train(self, *a, no_such_keyword=None, **k): return await super().train(*a, **k)",
        "test_an_unknown_keyword_is_an_error_that_names_it",
    ),
    (
        "backend",
        "async def train(self, *a, hyperparameters=None, **k): return await super().train(*a, **k)",
        REACHES,
    ),
    (
        "backend",
        "async def train(self, dataset, model, *a, **k): return await super().train(dataset, 'm', *a, **k)",
        REACHES,
    ),
    (
        "backend",
        "async def train(self, *a, suffix=None, **k): return await super().train(*a, **k)",
        "test_a_suffix_reaches_the_service",
    ),
    (
        "run",
        "async def wait(self):\n        try: return await super().wait()\n        except BaseException: await self.cancel(); raise",
        WAITERS,
    ),
    (
        "run",
        "async def wait(self):\n        import asyncio\n        self.end = getattr(self, 'end', None) or asyncio.ensure_future(super().wait())\n        return await self.end",
        WAITERS,
    ),
    (
        "run",
        "async def wait(self):\n        import asyncio\n        while not self.model_id: await asyncio.sleep(0.1)\n        return self.model_id",
        WAITERS,
    ),
    (
        "run",
        "async def cancel(self): await self.refresh(); self.status = 'cancelled'",
        "test_cancelling_what_has_failed_changes_nothing",
    ),
    (
        "run",
        "async def cancel(self): self.status = self.status if self.status.is_terminal else RunStatus.CANCELLED",
        "test_what_is_cancelled_is_so_for_every_handle",
    ),
    ("run", "def take(self, job): super().take(job); self.progress = {'step': 1}", PROGRESS),
    ("run", "def take(self, job): super().take(job); self.progress = Progress(step='1', total='2')", PROGRESS),
    ("run", "def take(self, job): super().take(job); self.progress = Progress(step=0.5)", PROGRESS),
    ("run", "async def refresh(self): self.status = 'failed'", FORGOTTEN),
    ("run", "async def wait(self): return 'model'", FORGOTTEN),
    (
        "run",
        "async def refresh(self):\n        try: await super().refresh()\n        except Exception: raise KeyError(self.job_id) from None",
        FORGOTTEN,
    ),
    (
        "backend",
        "async def train(self, *a, **k):\n        try: return await super().train(*a, **k)\n        except Exception as error: raise type(error)(*error.args) from None",
        "test_what_the_service_said_is_chained_to_the_error",
    ),
    ("backend", "async def identify(self, model): return {'model': str(id(self))}", KEYS),
    ("backend", "async def identify(self, model): return {'model': hash(model)}", KEYS),
    ("backend", "def account(self): return {'account': list({'a', 'b', 'c', 'd', 'e', 'f'})}", KEYS),
    (
        "backend",
        "def __init__(self, **options):\n        import acme_plugin\n        super().__init__(**options)",
        "test_constructing_imports_no_other_plugin",
    ),
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


def another_plugin(metadata):
    """Install one beside those that are tested."""
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[motools.training.v1]\nacme = acme_plugin:AcmeTrainingBackend\n")
    (metadata.parent / "acme_plugin.py").write_text("")


@pytest.mark.slow
def test_each_faulty_power_fails_the_test_that_says_so(pytester, uncollected):
    pytester.makepyprojecttoml(
        "[tool.pytest.ini_options]\nasyncio_mode = 'auto'\nasyncio_default_fixture_loop_scope = 'function'\n"
    )
    nodes = []
    for number, (where, fault, test) in enumerate(FAULTS):
        plugin = FAULTY.format(**{"run": "pass", "backend": "pass", where: fault})
        pytester.makepyfile(**{f"faulty{number}": plugin, f"test_faulty{number}": SUITE.format(number=number)})
        nodes.append(f"test_faulty{number}.py::TestFaulty::{test}")
    another_plugin(pytester.mkdir("acme_plugin-1.0.dist-info"))
    result = pytester.runpytest_subprocess("-rA", "-W", "error", *nodes)
    passed = [line for line in result.outlines if line.startswith("PASSED")]
    outcomes = result.parseoutcomes()
    assert not passed
    assert outcomes == {"failed": len(FAULTS)}
