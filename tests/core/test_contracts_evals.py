"""The contract of evaluation backends: each fault fails the test that says so, in words that say what to do."""

from __future__ import annotations

from textwrap import indent

import pytest

FAULTY = """
import asyncio, os, socket, time
from pathlib import Path
from motools import EvalResults, RunStatus, Settings
from motools.errors import MotoolsError, RunFailed
from motools.evals.backends.dummy import DummyEvalBackend, DummyEvalJob, DummyEvalParameters

class Results(EvalResults):
    pass
{results}

class Job(DummyEvalJob):
    def _results(self):
        results = super()._results()
        results = Results(**{{name: getattr(results, name) for name in ("model_id", "metrics", "samples", "metadata")}})
        self.change(results)
        return results

    def change(self, results):
        pass

{job}

class Backend(DummyEvalBackend):
    job_type = Job

    def _job(self, service, job):
        handle = self.job_type(service, job.job_id)
        handle.take(job)
        return handle

{backend}
"""

SUITE = """
import pytest
from dataclasses import asdict
from faulty{number} import Backend
from motools.testing.evals import EvalBackendContract

class TestFaulty(EvalBackendContract):
    timeout = 5
    other_suite = "other"
    key_variables = ("A_KEY",)
    lacking = {{"entry point": "it is not packaged", "view": "there is nothing to look at"}}

    @pytest.fixture
    def backend(self):
        return Backend(duration=0.05)

    @pytest.fixture
    def slow_backend(self):
        return Backend(duration=60)

    @pytest.fixture
    def failing_backend(self):
        return Backend(fail="as told")

    @pytest.fixture
    def rejecting_backend(self):
        return Backend(submission="rejected")

    @pytest.fixture
    def unavailable_backend(self):
        return Backend(submission="unavailable")

    @pytest.fixture
    def uncertain_backend(self):
        return Backend(submission="uncertain")

    @pytest.fixture
    async def forgotten(self, start, slow_backend):
        job = await start(slow_backend)
        job.service.path(job.job_id).unlink()
        return job

    @pytest.fixture
    async def away(self, start, slow_backend):
        job = await start(slow_backend)
        job.away = True
        return job

    @pytest.fixture
    def bill(self, backend):
        return backend.service.jobs

    @pytest.fixture
    def received(self, backend):
        return lambda: asdict(max(backend.service.jobs(), key=lambda job: job.accepted))
"""

REACHES = "test_what_is_asked_for_reaches_the_service"
WINDOW = "test_the_paid_call_is_the_one_thing_in_its_window"
TASKS = "test_a_task_may_be_named_alone_or_in_a_list"
SAVED = "test_a_saved_handle_goes_on"
METRICS = "test_metrics_are_numbers_by_task_scorer_and_metric"
SAMPLES = "test_samples_say_what_was_asked_answered_and_scored"
AGAIN = "test_results_can_be_had_again_without_waiting"
EARLY = "test_there_are_no_results_before_the_end"
FAILED = "test_failed_work_has_no_results"
KEPT = "test_results_survive_saving"
KEYS = "test_no_key_turns_up_in_what_is_recorded"
FOUND = "test_what_was_submitted_is_found_by_its_token"
ADOPTED = "test_what_is_adopted_by_its_id_is_the_same_work"
ENDS = "test_whoever_only_asks_sees_the_end"
AWAY = "test_nothing_has_ended_because_the_service_is_away"
LOG = "test_the_log_has_lines"
STANDS = "test_how_live_work_stands_never_goes_back"
REFUSED = "test_a_refused_submission_is_rejected"
CANCELLED = "test_a_live_one_can_be_cancelled"
FAILS = "test_failed_work_raises_each_time_and_the_error_pickles"
BUSY = "test_waiting_leaves_the_event_loop_to_others"
STARTS = "test_starting_gives_a_handle_with_a_job_id"


def samples_with(name, value):
    """Return the fault of results whose samples have something else in a field."""
    return f"def change(self, results):\n    for sample in results.samples: sample[{name!r}] = {value}"


def results_with(statement):
    """Return the fault of results that are otherwise."""
    return f"def change(self, results): {statement}"


def identity(answer):
    """Return the fault of a backend that says otherwise what it measures."""
    return f"async def identify(self, model_id, suite, **more): return {answer}"


def asks_for(arguments):
    """Return the fault of a backend that asks its service for something else."""
    return f"async def evaluate(self, model_id, suite, **more): return await super().evaluate({arguments})"


WAITS = """
async def wait(self):
    while not await self.is_complete(): time.sleep(0.1)
    return self._results()
"""
CONNECTS = """
async def evaluate(self, *a, **k):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    return await super().evaluate(*a, **k)
"""
GOES_BACK = """
looks = 0
async def refresh(self):
    await super().refresh()
    self.looks += 1
    if self.looks % 3 == 2: self.status = RunStatus.QUEUED
"""
NEVER_COMPLETE = """
async def is_complete(self): return self.status.is_terminal
async def wait(self):
    while not self.status.is_terminal:
        await self.refresh()
        await asyncio.sleep(0.01)
    return self._results()
"""
NEVER_FRESH = """
async def refresh(self): pass
async def is_complete(self): return self.service.read(self.job_id).status(time.time()).is_terminal
"""
KEYWORDS = """
class Settings(Settings):
    Keywords = DummyEvalParameters
async def evaluate(self, *a, limit=None, **k): return await super().evaluate(*a, **k)
"""
TWICE_INSIDE = """
async def evaluate(self, *a, ticket=None, **k):
    async with ticket.paying() as payment:
        await super().evaluate(*a, **k)
        job = await super().evaluate(*a, **k)
        payment.job_id = job.job_id
        return job
"""
TWICE = """
async def evaluate(self, *a, ticket=None, **k):
    job = await super().evaluate(*a, ticket=ticket, **k)
    await super().evaluate(*a, **k)
    return job
"""
ENDS_FIRST = """
async def evaluate(self, *a, **k):
    job = await super().evaluate(*a, **k)
    while not await job.is_complete(): await asyncio.sleep(0.1)
    return job
"""
EMPTIES = """
async def evaluate(self, model_id, suite, **more):
    job = await super().evaluate(model_id, suite, **more)
    if isinstance(suite, list): suite.clear()
    return job
"""
FORGETS = """
@classmethod
async def load(cls, path):
    job = await super().load(path)
    job.{name} = {value}
    return job
"""
RESULTS_IN_ANY_CASE = """
async def get_results(self):
    if not await self.is_complete(): raise RunFailed("not yet")
    return self._results()
"""
TAKES_SILENCE_FOR_FAILURE = """
away = False
async def refresh(self):
    await super().refresh()
    if self.away: self.status = RunStatus.FAILED
"""
FAILS_WHEN_AWAY = """
away = False
async def refresh(self):
    if self.away: raise RunFailed("no answer")
    await super().refresh()
"""
FINDS = """
async def find(self, token):
    return [{handle} for job in self.service.jobs("eval") if job.token == token]
"""
FOLLOWS_NOT = """
async def logs(self, *, follow=False):
    async for line in super().logs(): yield line
"""
SHOWS_THE_KEY = """
async def evaluate(self, *a, **k):
    try: return await super().evaluate(*a, **k)
    except MotoolsError as error: raise type(error)(f"{error} {os.environ['A_KEY']}") from error.__cause__
"""
LOSES_METRICS = """
@classmethod
def from_fields(cls, fields): return cls(model_id=fields["model_id"], metrics={}, samples=fields["samples"])
"""
CANCELS_ON_CLOSING = """
async def aclose(self):
    for job in self.service.live("eval"): await self.service.cancel(job.job_id)
"""
SUBMITS_TO_IDENTIFY = """
async def identify(self, model_id, suite, **more):
    await self.evaluate(model_id, suite, **more)
    return {"suite": suite, **more}
"""
RAISES = """
async def evaluate(self, *a, **k): raise {error}
"""
SUCCEEDS_ALL_THE_SAME = """
async def evaluate(self, *a, **k):
    return await DummyEvalBackend(duration=0.05).evaluate(*a, **k)
"""
NEVER_FAILS = """
async def wait(self):
    while not await self.is_complete(): await asyncio.sleep(0.01)
    return self._results()
"""
NEVER_LOADED = """
@classmethod
async def load(cls, path): raise ValueError("no such handle")
"""
NUMBERED = """
async def evaluate(self, *a, **k):
    job = await super().evaluate(*a, **k)
    job.job_id = 1
    return job
"""
SAYS = """
async def refresh(self): self.status = {word}
async def cancel(self): await self.service.cancel(self.job_id)
"""
FAULTS = [
    ("job", WAITS, "test_waiting_leaves_the_event_loop_to_others", "what blocks belongs in asyncio.to_thread"),
    (
        "backend",
        CONNECTS,
        "test_what_is_asked_leaves_the_event_loop_to_others",
        "in evaluate(): what blocks belongs in",
    ),
    ("job", GOES_BACK, STANDS, "it was running, and is queued"),
    ("job", SAYS.format(word="'busy'"), STANDS, "and one of its words here is 'busy'"),
    ("job", SAYS.format(word="None"), STANDS, "and one of its words here is None"),
    ("backend", RAISES.format(error="OSError"), REFUSED, "SubmitRejected is what has to be raised, and it was OSError"),
    ("backend", SUCCEEDS_ALL_THE_SAME, REFUSED, "SubmitRejected is what has to be raised, and nothing was"),
    (
        "job",
        "async def wait(self): raise OSError",
        CANCELLED,
        "RunCancelled is what has to be raised, and it was OSError",
    ),
    ("job", NEVER_FAILS, FAILS, "RunFailed is what has to be raised, and nothing was"),
    ("job", NEVER_LOADED, BUSY, "In another process, busy Job failed: ValueError: no such handle"),
    ("backend", NUMBERED, STARTS, "a job_id is a string that is not empty, and this one is 1"),
    ("job", NEVER_COMPLETE, ENDS, "is_complete() does not see the end: it asks the service"),
    ("job", NEVER_FRESH, ENDS, "refresh() brings status up to date"),
    (
        "job",
        "async def cancel(self): self.status = self.status if self.status.is_terminal else RunStatus.CANCELLED",
        "test_what_is_cancelled_is_so_for_every_handle",
        "cancel() has not reached the service",
    ),
    (
        "backend",
        "async def evaluate(self, *a, no_such_keyword=None, **k): return await super().evaluate(*a, **k)",
        "test_an_unknown_keyword_is_an_error_that_names_it",
        "a keyword that nobody knows is swallowed",
    ),
    (
        "backend",
        "async def evaluate(self, *a, limit=None, **k): return await super().evaluate(*a, **k)",
        REACHES,
        "limit=7 has not reached the service",
    ),
    ("backend", KEYWORDS, REACHES, "limit=7 has not reached the service"),
    ("backend", asks_for("'m', suite, **more"), REACHES, "model_id='model' has not reached the service"),
    ("backend", asks_for("model_id, 'm', **more"), REACHES, "eval_suite='task' has not reached the service"),
    (
        "backend",
        ENDS_FIRST,
        "test_starting_does_not_wait_for_the_end",
        "evaluate() has not returned after 5 seconds: it starts the work, and wait() waits",
    ),
    ("backend", TWICE_INSIDE, WINDOW, "it holds the one paid call"),
    ("backend", TWICE, WINDOW, "the service took more after the window was closed"),
    (
        "backend",
        asks_for("model_id, suite if isinstance(suite, str) else suite[0], **more"),
        TASKS,
        "only ['task'] was measured",
    ),
    ("backend", asks_for("model_id, str(suite), **more"), TASKS, "['task'] was not measured"),
    ("backend", EMPTIES, TASKS, "evaluate() leaves it as it is"),
    ("job", FORGETS.format(name="model_id", value="''"), SAVED, "save() or load() loses the model_id"),
    ("job", FORGETS.format(name="metadata", value="{}"), SAVED, "save() or load() loses the metadata"),
    ("job", "async def wait(self): return (await super().wait()).metrics", METRICS, "wait() returns EvalResults"),
    ("job", results_with("results.model_id = 'm'"), METRICS, "they are of 'model', not of 'm'"),
    ("job", results_with("results.metrics = {}"), METRICS, "a job that has measured nothing has not succeeded"),
    ("job", results_with("results.metrics = {'task': {}}"), METRICS, "nothing was measured on 'task'"),
    ("job", results_with("results.metrics = {'task': {'s': {'m': True}}}"), METRICS, "or None, and not True"),
    ("job", results_with("results.metrics = {'task': {'s': {'m': float('nan')}}}"), METRICS, "or None, and not nan"),
    ("job", "def take(self, job): super().take(job); self.model_id = 'm'", "test_the_job_knows_its_model", "not 'm'"),
    ("job", samples_with("scores", "1.0"), SAMPLES, "scores are {scorer: value}, not 1.0"),
    ("job", samples_with("scores", "{}"), SAMPLES, "models are compared by the scores of their samples"),
    ("job", samples_with("epoch", "'first'"), SAMPLES, "epochs are counted from 1, and one is 'first'"),
    ("job", samples_with("id", "1"), "test_no_two_samples_are_the_same_one", "several are ('task', 1, 1)"),
    ("job", samples_with("id", "id(sample)"), AGAIN, "samples are the same, under the same ids, each time"),
    ("job", "async def get_results(self): return await self.wait()", EARLY, "and wait() waits"),
    (
        "job",
        "async def get_results(self): return self._results()",
        EARLY,
        "of a job that has not ended raises RunFailed",
    ),
    ("job", RESULTS_IN_ANY_CASE, FAILED, "get_results() of a job that has failed raises RunFailed"),
    ("job", RESULTS_IN_ANY_CASE, "test_cancelled_work_has_no_results", "a job that was cancelled raises"),
    ("job", samples_with("input", "(1, 2)"), KEPT, "samples of the results are not the same after saving"),
    ("job", results_with("results.metadata['x'] = float('nan')"), KEPT, "metadata of the results are not the same"),
    ("results", LOSES_METRICS, KEPT, "metrics of the results are not the same after saving"),
    ("results", "def summary(self): return ''", "test_the_summary_names_every_task", "summary() leaves out task"),
    ("job", results_with("results.metadata['key'] = os.environ['A_KEY']"), KEYS, "a key stands in the results"),
    ("backend", identity("{'key': os.environ['A_KEY']}"), KEYS, "a key stands in identify()"),
    ("backend", SHOWS_THE_KEY, "test_a_refused_submission_is_rejected", "the error shows a key"),
    ("job", "async def logs(self, *, follow=False): yield os.environ['A_KEY']", LOG, "a key stands in the log"),
    ("job", "async def logs(self, *, follow=False): yield 'x\\n'", LOG, "logs() yields lines without their end"),
    ("job", FOLLOWS_NOT, "test_a_log_can_be_followed_to_the_end", "logs(follow=True) goes on until the work has ended"),
    ("job", "def get_log_paths(self): return [Path('x')]", "test_log_paths_are_strings", "log paths are strings, not"),
    (
        "backend",
        identity("{'suite': suite}"),
        "test_each_keyword_that_changes_what_is_measured_is_in_the_key",
        "identify() says nothing of epochs",
    ),
    ("backend", identity("more"), "test_another_task_has_another_key", "one would have the other's results"),
    ("backend", SUBMITS_TO_IDENTIFY, "test_asking_what_is_measured_submits_nothing", "it submits nothing"),
    (
        "backend",
        identity("{'now': time.time()}"),
        "test_what_is_measured_can_stand_in_a_key",
        "identify() returns the same for the same request",
    ),
    ("job", TAKES_SILENCE_FOR_FAILURE, AWAY, "wait() raised RunFailed: raise ServiceUnavailable"),
    ("job", FAILS_WHEN_AWAY, AWAY, "refresh() raised RunFailed, is_complete() raised RunFailed"),
    ("backend", FINDS.format(handle="DummyEvalBackend._job(self, self.service, job)"), FOUND, "handles as they were"),
    ("backend", "async def find(self, token): return []", FOUND, "or find(token) does not give it"),
    ("backend", "async def adopt(self, job_id): return Job(self.service, job_id)", ADOPTED, "refresh it before"),
    ("backend", CANCELS_ON_CLOSING, "test_closing_leaves_live_work_alone", "aclose() releases connections, and ended"),
]


@pytest.mark.slow
def test_a_status_may_be_a_plain_word(pytester):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nasyncio_mode = 'auto'\n")
    parts = {"job": indent(SAYS.format(word="'running'"), "    "), "backend": "", "results": ""}
    pytester.makepyfile(faulty0=FAULTY.format(**parts), test_faulty0=SUITE.format(number=0))
    pytester.runpytest_subprocess(f"test_faulty0.py::TestFaulty::{STANDS}").assert_outcomes(passed=1)


@pytest.mark.slow
def test_each_faulty_evaluation_fails_the_test_that_says_so_and_is_told_what_to_do(pytester, uncollected):
    pytester.makepyprojecttoml(
        "[tool.pytest.ini_options]\nasyncio_mode = 'auto'\nasyncio_default_fixture_loop_scope = 'function'\n"
    )
    nodes = []
    for number, (where, fault, test, _) in enumerate(FAULTS):
        parts = {"job": "", "backend": "", "results": "", where: indent(fault, "    ")}
        pytester.makepyfile(
            **{f"faulty{number}": FAULTY.format(**parts), f"test_faulty{number}": SUITE.format(number=number)}
        )
        nodes.append(f"test_faulty{number}.py::TestFaulty::{test}")
    result = pytester.runpytest_subprocess("-rA", "-W", "error", *nodes)
    assert [line for line in result.outlines if line.startswith("PASSED")] == []
    assert result.parseoutcomes() == {"failed": len(FAULTS)}
    said = result.stdout.str()
    assert [words for *_, words in FAULTS if words not in said] == []
