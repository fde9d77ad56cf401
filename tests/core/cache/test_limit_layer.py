"""Only so many are live at once, and the others wait for their turn."""

import asyncio
import logging

import pytest
from limited_world import Blind, Honest, Refusing, are_queued, ask_in_order, ended, limited, live, until
from paid_world import PaidBackend, PaidEvalBackend

from motools.cache.memory import MemoryLedger
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import NoSlot, RunCancelled, SettingError
from motools.evals.backends.cached import CachedEvalBackend
from motools.evals.backends.dummy import DummyEvalBackend
from motools.handles import run_of
from motools.middleware.limit import LimitedEvalBackend, LimitedTrainingBackend, LimitOptions
from motools.plugins.registry import get_backend
from motools.testing.tickets import RecordingTicket
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend


async def states_of(ledger):
    rows = ledger._database.reader.execute("SELECT state FROM events ORDER BY id")
    return [state for (state,) in rows]


async def test_where_no_limit_is_known_a_request_gets_into_no_line(ledger, service, data):
    await limited(PaidBackend(service, ended=False), ledger).train(data, "base")
    assert await states_of(ledger) == ["intent", "submitting", "submitted", "submitted"]


async def test_where_no_limit_is_known_only_those_who_wait_are_looked_at(data):
    class Watched(MemoryLedger):
        def __init__(self):
            super().__init__()
            self.looked_for = []

        async def records(self, *, state=None, **more):
            self.looked_for.append(state)
            return await super().records(state=state, **more)

    ledger = Watched()
    await CachedEvalBackend(LimitedEvalBackend(DummyEvalBackend()), ledger).evaluate("model", "task")
    assert ledger.looked_for == [State.QUEUED]


async def test_no_more_are_live_than_may_be_and_who_came_first_is_served_first(ledger, service, data):
    backend = limited(PaidBackend(service, ended=False), ledger, max_live_runs=1)
    works = ["z", "m", "a"]
    first = await backend.train(data, "base", suffix="first")
    asked = await ask_in_order(backend, data, ledger, works)
    ended, served = first, []
    while asked:
        assert live(service) == [ended.job_id]
        service.end(ended.job_id)
        await ended.wait()
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        [task] = done
        served.append(works[len(works) - len(asked)])
        assert task is asked.pop(0)
        ended = await task
    assert len(service.jobs()) == 4


async def test_each_base_model_has_a_line_of_its_own(ledger, service, data):
    backend = limited(PaidBackend(service, ended=False), ledger, max_live_runs=1)
    for model in ("one", "two", "three"):
        await asyncio.wait_for(backend.train(data, model), 5)
    assert len(live(service)) == 3


async def test_a_run_that_nobody_waits_for_does_not_hold_up_the_line(ledger, service, data):
    backend = limited(PaidBackend(service), ledger, max_live_runs=1)
    await backend.train(data, "base", suffix="left alone")
    assert (await ledger.records())[0].state is State.SUBMITTED
    await asyncio.wait_for(backend.train(data, "base", suffix="next"), 10)
    assert {str(record.state) for record in await ledger.records()} == {"succeeded", "submitted"}


async def test_an_interrupted_submission_does_not_hold_up_the_line(ledger, service, data):
    class Lost(PaidBackend):
        def step(self, name):
            if name == "accepted":
                raise OSError("the line is dead")

    with pytest.raises(OSError, match="dead"):
        await limited(Lost(service), ledger).train(data, "base", suffix="lost")
    assert (await ledger.records())[0].state is State.UNCERTAIN
    backend = limited(PaidBackend(service), ledger, max_live_runs=1)
    service.end(service.jobs()[0]["id"])
    await asyncio.wait_for(backend.train(data, "base", suffix="next"), 10)
    assert len(service.jobs()) == 2


async def test_who_takes_no_ticket_waits_before_its_window_is_opened(ledger, service, data):
    plugin = Blind(service, ledger)
    backend = limited(plugin, ledger, max_live_runs=1)
    first = await backend.train(data, "base", hyperparameters=None, suffix="first")
    [second] = await ask_in_order(backend, data, ledger, ["second"])
    assert plugin.states == ["submitting"]
    await ended(service, first)
    await asyncio.wait_for(second, 10)
    assert plugin.states == ["submitting", "submitting"]


async def test_the_smaller_of_the_users_and_the_services_limit_holds(ledger, service, data):
    plugin = Honest(service, ended=False)
    plugin.concurrent = 2
    backend = limited(plugin, ledger, max_live_runs=3)
    for work in ("one", "two"):
        await backend.train(data, "base", suffix=work)
    [third] = await ask_in_order(backend, data, ledger, ["three"])
    third.cancel()
    with pytest.raises(asyncio.CancelledError):
        await third
    assert len(live(service)) == 2


async def test_runs_of_others_that_the_service_counts_take_slots_as_well(ledger, service, data):
    plugin = Honest(service, ended=False)
    plugin.concurrent, plugin.strangers = 2, 1
    backend = limited(plugin, ledger)
    await backend.train(data, "base", suffix="one")
    await ask_in_order(backend, data, ledger, ["two"])
    assert len(live(service)) == 1


async def test_a_reserve_stays_free(ledger, service, data):
    backend = limited(PaidBackend(service, ended=False), ledger, max_live_runs=3, reserve=1)
    for work in ("one", "two"):
        await backend.train(data, "base", suffix=work)
    await ask_in_order(backend, data, ledger, ["three"])
    assert len(live(service)) == 2


async def test_a_reserve_that_leaves_nothing_is_refused(ledger, service, data):
    with pytest.raises(SettingError, match="reserve = 2 leaves nothing of max_live_runs = 2"):
        LimitOptions(max_live_runs=2, reserve=2)
    with pytest.raises(
        SettingError, match="reserve = 1 leaves slots free of how many there are, and that is not known"
    ):
        limited(PaidBackend(service), ledger, reserve=1)
    plugin = Honest(service)
    plugin.concurrent = 2
    with pytest.raises(SettingError, match="leaves nothing of the 2 runs of 'base' that may be live at once"):
        await limited(plugin, ledger, reserve=2).train(data, "base")
    assert service.jobs() == []


async def test_limits_that_cannot_be_asked_for_are_no_reason_to_fail(ledger, service, data, caplog):
    class Silent(Honest):
        async def limits(self, model):
            raise OSError("no route")

    await limited(Silent(service), ledger, max_live_runs=1).train(data, "base")
    assert "was asked for its limits, and did not answer: no route" in caplog.text


async def test_a_setting_that_keeps_limits_from_being_asked_for_is_an_error_and_said_once(
    ledger, service, data, caplog
):
    class Keyless(Honest):
        async def limits(self, model):
            raise SettingError("There is no key.")

    with pytest.raises(SettingError, match="There is no key"):
        await limited(Keyless(service), ledger, max_live_runs=1).train(data, "base")
    assert "did not answer" not in caplog.text
    assert service.jobs() == []


async def test_who_waits_is_told_where_it_stands(ledger, service, data, caplog):
    told = []

    async def notify(event):
        told.append((str(event.happened), event.details))

    plugin = Honest(service, ended=False)
    plugin.free_at = 4102444800.0
    backend = limited(plugin, ledger, max_live_runs=1, notify=notify)
    first = await backend.train(data, "base", suffix="first")
    _, third = await ask_in_order(backend, data, ledger, ["second", "third"])
    await until(
        lambda: [each["expected_at"] for happened, each in told if happened == "queued"] == [4102444800.0, None]
    )
    assert [each["ahead"] for happened, each in told if happened == "queued"] == [0, 1]
    assert "paid waits for its turn" in caplog.text
    assert "it is next; a slot is expected about 2100-01-01" in caplog.text
    assert "1 before it; 1 of 1 slots are taken" in caplog.text
    await ended(service, first)
    await until(lambda: [each["ahead"] for happened, each in told if happened == "queued"] == [0, 1, 0])
    assert not third.done()


async def test_what_is_taken_out_of_the_line_is_not_submitted(ledger, service, data, events):
    backend = limited(PaidBackend(service, ended=False), ledger, max_live_runs=1, notify=events.notify)
    await backend.train(data, "base", suffix="first")
    second, third = await ask_in_order(backend, data, ledger, ["second", "third"])
    queued = next(record for record in await ledger.records() if record.spec["suffix"] == "second")
    handle = run_of(queued, ledger)
    assert (str(handle.status), await handle.is_complete()) == ("queued", False)
    await handle.refresh()
    await handle.cancel()
    assert str(handle.status) == "cancelled"
    with pytest.raises(RunCancelled, match="It was taken out of the line before it was submitted"):
        await second
    await until(lambda: are_queued(ledger, 1))
    assert not third.done()
    assert len(service.jobs()) == 1
    [again] = await ask_in_order(backend, data, ledger, ["second"])
    assert not again.done()


async def test_who_is_waited_for_elsewhere_is_followed_once_it_is_submitted(ledger, service, data):
    backend = limited(PaidBackend(service, ended=False), ledger, max_live_runs=1)
    first = await backend.train(data, "base", suffix="first")
    [second] = await ask_in_order(backend, data, ledger, ["second"])
    [queued] = await ledger.records(state=State.QUEUED)
    waiting = asyncio.create_task(
        CachedTrainingBackend(PaidBackend(service), ledger).train(data, "base", suffix="second")
    )
    await ended(service, first)
    run = await second
    attached = await waiting
    assert (run.key, attached.job_id) == (queued.key, run.job_id)


async def test_who_waits_for_another_process_that_waits_is_told_so_and_hears_of_the_end(ledger, service, data, caplog):
    backend = limited(PaidBackend(service, ended=False), ledger, max_live_runs=1)
    await backend.train(data, "base", suffix="first")
    [second] = await ask_in_order(backend, data, ledger, ["second"])
    elsewhere = SqliteLedger(ledger.path)
    other = asyncio.create_task(limited(PaidBackend(service), elsewhere).train(data, "base", suffix="second"))
    await until(lambda: "Another process waits for its turn with the same request" in caplog.text)
    [queued] = await ledger.records(state=State.QUEUED)
    await run_of(queued, ledger).cancel()
    for task in (second, other):
        with pytest.raises(RunCancelled, match="taken out of the line"):
            await task
    assert len(service.jobs()) == 1
    elsewhere.close()


async def test_nobody_who_has_stopped_waiting_is_submitted_and_all_keep_their_places(ledger, service, data):
    backend = limited(PaidBackend(service, ended=False), ledger, max_live_runs=1)
    first = await backend.train(data, "base", suffix="first")
    second, third = await ask_in_order(backend, data, ledger, ["second", "third"])
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await ended(service, first)
    run = await asyncio.wait_for(third, 10)
    [left] = await ledger.records(state=State.QUEUED)
    assert (left.spec["suffix"], left.leased_until) == ("second", 0.0)
    [fourth] = await ask_in_order(backend, data, ledger, ["fourth"])
    again = asyncio.create_task(backend.train(data, "base", suffix="second"))
    await until(lambda: _is_waited_for(ledger, left.key))
    await ended(service, run)
    await asyncio.wait_for(again, 10)
    assert not fourth.done()


async def _is_waited_for(ledger, key):
    return (await ledger.read(key)).leased_until > 0


async def test_a_second_caller_of_this_process_waits_on_when_the_first_has_stopped(ledger, service, data):
    backend = limited(PaidBackend(service, ended=False), ledger, max_live_runs=1)
    first = await backend.train(data, "base", suffix="first")
    [one] = await ask_in_order(backend, data, ledger, ["second"])
    other = asyncio.create_task(backend.train(data, "base", suffix="second"))
    await asyncio.sleep(0.05)
    one.cancel()
    await ended(service, first)
    assert (await asyncio.wait_for(other, 10)).job_id


async def test_without_the_layer_a_service_without_a_slot_is_an_error_that_names_it(ledger, service, data):
    with pytest.raises(NoSlot, match="All are taken") as caught:
        await CachedTrainingBackend(Refusing(service, at_most=0), ledger).train(data, "base")
    assert caught.value.__notes__ == [
        "Under the layer 'limit' a request waits until there is one. Add it to the layers."
    ]
    assert (await ledger.records())[0].state is State.INTENT


async def test_without_a_record_a_limit_of_the_users_is_refused_and_otherwise_all_is_passed_on(service, data):
    with pytest.raises(SettingError, match="max_live_runs counts what the record of paid work has live"):
        await LimitedTrainingBackend(DummyTrainingBackend(), LimitOptions(max_live_runs=1)).train(data, "base")
    run = await LimitedTrainingBackend(DummyTrainingBackend(service=service.path)).train(data, "base")
    assert run.job_id


async def test_the_layer_asks_a_ticket_for_its_turn_with_what_the_backend_says(service, data):
    plugin, ticket = Honest(service), RecordingTicket()
    plugin.concurrent = 5
    await LimitedTrainingBackend(plugin, LimitOptions(max_live_runs=4, reserve=1)).train(data, "base", ticket=ticket)
    [turn] = ticket.turns
    assert (turn["at_most"], turn["reserve"], turn["limits"].concurrent) == (4, 1, 5)
    assert len(ticket.payments) == 1


async def test_evaluations_wait_in_one_line_whatever_they_evaluate(ledger, service):
    class Slow(PaidEvalBackend):
        async def evaluate(self, model_id, eval_suite, **kwargs):
            job = await super().evaluate(model_id, eval_suite, **kwargs)
            job.is_complete = self.has_ended
            return job

        async def has_ended(self):
            return False

    backend = CachedEvalBackend(LimitedEvalBackend(Slow(service), LimitOptions(max_live_runs=1)), ledger)
    job = await backend.evaluate("model", "suite")
    other = asyncio.create_task(backend.evaluate("other model", "suite"))
    await until(lambda: are_queued(ledger, 1))
    await job.wait()
    assert (await asyncio.wait_for(other, 10)).job_id
    assert len(service.jobs()) == 2


def test_the_options_stand_in_motools_toml_and_are_checked(tmp_path, monkeypatch, motools_home):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "motools.toml").write_text("[backends.dummy]\nmax_live_runs = 2\nreserve = 1\n")
    layer = get_backend("dummy", kind="training")._backend._backend
    assert layer._options == LimitOptions(max_live_runs=2, reserve=1)
    assert get_backend("dummy", kind="eval")._backend._options.max_live_runs == 2
    with pytest.raises(SettingError, match="option 'max_live_runs' must be at least 1, not 0"):
        get_backend("dummy", kind="training", max_live_runs=0)
    with pytest.raises(SettingError, match=r"has no option 'max_live_run'\. Did you mean 'max_live_runs'\?"):
        get_backend("dummy", kind="training", max_live_run=1)
    with pytest.raises(SettingError, match="'max_live_runs' is an option of the layer 'limit', which is not among"):
        get_backend("dummy", kind="training", middleware=["cache"], max_live_runs=1)


@pytest.fixture(autouse=True)
def heard(caplog):
    caplog.set_level(logging.INFO, "motools.queue")
