from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from motools.errors import PluginBroken, PluginError, PluginRequired
from motools.events import Happened, RunEvent
from motools.plugins import hooks
from motools.plugins.registry import get_backend

EVENT = RunEvent(
    happened=Happened.SUBMITTED, kind="training", backend="dummy", key="mk1:0", job_id="j", at=1.0, model="m"
)

LISTENER = """
from motools import hookimpl
import heard

@hookimpl
{asynchronous}def motools_run_event({arguments}):
    heard.calls.append({note})
"""

RESOLVER = """
from motools import ModelRef, hookimpl

@hookimpl
def motools_resolve_model(model_id, framework):
    if model_id.startswith("{prefix}"):
        return ModelRef(model="{prefix}/" + framework)
"""


def listener(note, arguments="event", *, asynchronous=False):
    return LISTENER.format(note=note, arguments=arguments, asynchronous="async " if asynchronous else "")


@pytest.fixture
def heard(world):
    """What listeners of a test have noted."""
    world.write(world.site / "heard.py", "calls = []")
    import heard

    return heard.calls


def problem(caplog):
    [record] = [record for record in caplog.records if record.name == "motools"]
    assert record.levelno == logging.WARNING
    return record.getMessage()


async def test_without_hook_modules_nothing_is_called_and_pluggy_is_not_imported(world):
    assert hooks.notifier() is None
    assert await hooks.notify(EVENT) is None
    assert hooks.resolve_model("model", "inspect") is None
    code = "from motools.plugins import hooks; assert hooks.notifier() is None; hooks.resolve_model('m', 'inspect')"
    assert world.denied_after(code) == []


async def test_listeners_are_called_in_order_of_distribution_and_name(world, heard):
    world.install(
        "b-tracker",
        hooks={"two": "two", "one": "one"},
        modules={"one": listener("'b one'", asynchronous=True), "two": listener("event.job_id", "event")},
    )
    world.install("a-tracker", hooks={"z": "zed"}, modules={"zed": listener("'a z'", arguments="")})
    await hooks.notify(EVENT)
    assert heard == ["a z", "b one", "j"]


async def test_each_asynchronous_listener_is_awaited_before_the_next(world, heard):
    slow = "import asyncio\n" + listener("'late'", asynchronous=True).replace(
        "heard.calls", "await asyncio.sleep(0)\n    heard.calls"
    )
    world.install("tracker", hooks={"a": "slow", "b": "quick"}, modules={"slow": slow, "quick": listener("'quick'")})
    await hooks.notify(EVENT)
    assert heard == ["late", "quick"]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("raised", ["ValueError('no luck')", "SystemExit('no luck')"])
async def test_a_failing_listener_is_reported_and_the_others_hear(world, heard, caplog, raised, asynchronous):
    bad = listener("1", asynchronous=asynchronous) + f"    raise {raised}\n"
    world.install(
        "acme-tracker", "0.3", hooks={"bad": "bad", "good": "good"}, modules={"bad": bad, "good": listener("2")}
    )
    await hooks.notify(EVENT)
    assert heard == [1, 2]
    assert problem(caplog) == (
        "Plugin 'bad' (motools.hooks.v1) of acme-tracker 0.3 cannot be used: "
        f"motools_run_event raised {raised.partition('(')[0]}: no luck"
    )


async def test_where_no_thread_is_to_be_had_listeners_are_reported_and_hear_again_later(
    world, heard, caplog, monkeypatch
):
    world.install("acme", "0.3", hooks={"good": "good"}, modules={"good": listener("1")})
    with monkeypatch.context() as patch:
        patch.setattr("sys.excepthook", None)  # without which no thread begins
        async with asyncio.timeout(10):
            await hooks.notify(EVENT)
            await hooks.notify(EVENT)
    assert heard == []
    assert "of acme 0.3 cannot be used: motools_run_event raised RuntimeError" in caplog.text
    await hooks.notify(EVENT)
    assert heard == [1]


STUCK = {
    "hangs": "await asyncio.Event().wait()",
    "is cancelled": "raise asyncio.CancelledError",
    "cancels whoever asks": "asyncio.current_task().cancel()\n    await asyncio.Event().wait()",
    "hangs again when it is cancelled": """for _ in range(2):
        try:
            await asyncio.Event().wait()
        except BaseException:
            pass""",
}


@pytest.mark.parametrize("how", STUCK)
async def test_a_listener_that_never_answers_is_reported_and_the_others_hear(world, heard, caplog, monkeypatch, how):
    monkeypatch.setattr("motools.plugins.hooks.LISTENER_SECONDS", 0.3)
    bad = "import asyncio\n" + listener("1", asynchronous=True) + f"    {STUCK[how]}\n"
    world.install("acme", hooks={"bad": "bad", "good": "good"}, modules={"bad": bad, "good": listener("2")})
    await hooks.notify(EVENT)
    assert heard == [1, 2]
    assert "Plugin 'bad'" in problem(caplog)


BROKEN = {
    "import": ("raise SystemExit(1)", "called sys.exit(1) when it was imported"),
    "name": (
        "from motools import hookimpl\n@hookimpl\ndef motools_run_evnt(event): pass",
        "there is no hook 'motools_run_evnt'. Did you mean 'motools_run_event'? Known: motools_resolve_model,",
    ),
    "signature": (
        "from motools import hookimpl\n@hookimpl\ndef motools_run_event(evnt): pass",
        "its hooks cannot be read",
    ),
    "wrapper": (
        "from motools import hookimpl\n@hookimpl(wrapper=True)\ndef motools_run_event(event): yield",
        "its 'motools_run_event' is a wrapper",
    ),
    "no mark": ("def motools_run_event(event): pass", "its 'motools_run_event' is not marked with @motools.hookimpl"),
    "neither mark nor name": ("def motools_run_evnt(event): pass", "its 'motools_run_evnt' is not marked with"),
    "generator": (
        "from motools import hookimpl\n@hookimpl\nasync def motools_run_event(event): yield",
        "its 'motools_run_event' is a generator",
    ),
    "default": (
        "from motools import hookimpl\n@hookimpl\ndef motools_run_event(event=None): pass",
        "its 'motools_run_event' would not be given 'event'",
    ),
    "asynchronous answer": (
        "from motools import hookimpl\n@hookimpl\nasync def motools_resolve_model(model_id, framework): pass",
        "its 'motools_resolve_model' is a coroutine function",
    ),
    "contents that raise": ("def __dir__(): raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "an attribute that raises": (
        "class Hidden:\n    @property\n    def __class__(self): raise SystemExit('no class')\nhidden = Hidden()",
        "SystemExit: no class",
    ),
    "exit with something unspeakable": (
        "class Mute:\n    def __repr__(self): raise SystemExit('no words')\nraise SystemExit(Mute())",
        "called sys.exit(a Mute, whose repr() raised SystemExit)",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_hook_module_that_cannot_be_used_fails_alone(world, heard, caplog, case):
    source, said = BROKEN[case]
    world.install("acme", "0.3", hooks={"bad": "bad_hooks"}, modules={"bad_hooks": source})
    world.install("beta", hooks={"good": "good_hooks"}, modules={"good_hooks": listener("'heard'")})
    await hooks.notify(EVENT)
    assert heard == ["heard"]
    assert said in problem(caplog)
    assert "acme 0.3" in problem(caplog)
    await hooks.notify(EVENT)
    assert len(caplog.records) == 1
    assert [type(error) for error in hooks.present_hooks().problems] == [PluginBroken]


def test_hooks_that_are_switched_off_are_not_imported(world, monkeypatch):
    world.install("acme", hooks={"acme": "acme_hooks"}, modules={"acme_hooks": "raise RuntimeError"})
    monkeypatch.setenv("MOTOOLS_PLUGINS", "-acme")
    assert hooks.notifier() is None


async def test_hooks_of_another_major_are_reported_at_the_first_event(world, caplog):
    world.install("acme", hooks_v9={"acme": "acme_hooks"})
    await hooks.notifier()(EVENT)
    assert "it is written for v9 of the plugin API" in problem(caplog)


class TestModels:
    def test_the_first_that_knows_a_model_answers(self, world):
        world.install("a", hooks={"a": "a_hooks"}, modules={"a_hooks": RESOLVER.format(prefix="a:")})
        world.install("b", hooks={"b": "b_hooks"}, modules={"b_hooks": RESOLVER.format(prefix="b:")})
        world.install("c", hooks={"c": "c_hooks"}, modules={"c_hooks": RESOLVER.format(prefix="")})
        assert hooks.resolve_model("b:x", "inspect").model == "b:/inspect"
        assert hooks.resolve_model("other", "other").model == "/other"

    @pytest.mark.parametrize(
        ("change", "said"),
        [('return "text"', "returned a str, not a motools.ModelRef"), ("return 1 / 0", "ZeroDivisionError")],
    )
    def test_one_that_fails_leaves_it_to_the_others(self, world, caplog, change, said):
        bad = RESOLVER.format(prefix="").replace('return ModelRef(model="/" + framework)', change)
        world.install("a", hooks={"a": "a_hooks"}, modules={"a_hooks": bad})
        world.install("b", hooks={"b": "b_hooks"}, modules={"b_hooks": RESOLVER.format(prefix="")})
        assert hooks.resolve_model("x", "inspect").model == "/inspect"
        assert said in problem(caplog)


class TestRequired:
    @pytest.fixture(autouse=True)
    def required(self, world):
        world.configure('[plugins]\nrequired = ["audit"]')

    def made(self):
        return get_backend("dummy", kind="training")

    def test_its_absence_stops_everything_before_it_starts(self, world):
        world.install("acme", hooks={"other": "acme_hooks"}, modules={"acme_hooks": ""})
        with pytest.raises(PluginRequired) as caught:
            self.made()
        assert str(caught.value) == (
            f"{world.project / 'motools.toml'} [plugins] requires the plugin 'audit', and no installed distribution has "
            "hooks of that name. Installed: other."
        )
        assert isinstance(caught.value, PluginError)

    def test_switched_off_is_absent(self, world, monkeypatch):
        world.install("acme", hooks={"audit": "acme_hooks"}, modules={"acme_hooks": ""})
        monkeypatch.setenv("MOTOOLS_PLUGINS", "dummy")
        with pytest.raises(PluginRequired, match=r"requires the plugin 'audit' of acme 1.0: MOTOOLS_PLUGINS='dummy'"):
            self.made()

    def test_one_that_cannot_be_imported_stops_everything(self, world):
        world.install("acme", hooks={"audit": "acme_hooks"}, modules={"acme_hooks": "import nowhere_at_all"})
        with pytest.raises(PluginBroken, match="needs the module 'nowhere_at_all'"):
            self.made()

    @pytest.mark.parametrize("middleware", [[], ["validate"]])
    def test_it_is_required_whatever_the_layers(self, middleware):
        with pytest.raises(PluginRequired):
            get_backend("dummy", kind="training", middleware=middleware)

    async def test_its_failure_is_raised(self, world, heard):
        bad = listener("1") + "    raise ValueError('no luck')\n"
        world.install("acme", hooks={"audit": "bad"}, modules={"bad": bad})
        self.made()
        with pytest.raises(PluginBroken, match="motools_run_event raised ValueError: no luck") as caught:
            await hooks.notify(EVENT)
        assert isinstance(caught.value.__cause__, ValueError)


def test_making_a_backend_imports_no_hooks(world):
    world.install("tracker", hooks={"t": "tracker_hooks"}, modules={"tracker_hooks": listener("1")})
    get_backend("dummy", kind="training")
    assert "tracker_hooks" not in sys.modules


async def test_listeners_hear_how_far_a_training_is_while_it_is_waited_for(world, heard, monkeypatch):
    monkeypatch.setattr("motools.cache.telling.EVERY", 0.05)
    noted = "(str(event.happened), event.details.get('step'))"
    world.install("tracker", hooks={"t": "tracker_hooks"}, modules={"tracker_hooks": listener(noted)})
    record = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
    await (await get_backend("dummy", kind="training", duration=1, steps=1000).train([record], "base")).wait()
    (first, *progress, last) = heard
    assert (first[0], last[0]) == ("submitted", "succeeded")
    assert {happened for happened, _ in progress} == {"progress"}
    steps = [step for _, step in progress]
    assert len(steps) > 2
    assert steps == sorted(set(steps))


async def test_listeners_hear_of_a_training(world, heard):
    world.install("tracker", hooks={"t": "tracker_hooks"}, modules={"tracker_hooks": listener("str(event.happened)")})
    backend = get_backend("dummy", kind="training")
    request = {"dataset": [{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}]}
    run = await backend.train(**request, model="base")
    await run.wait()
    await (await backend.train(**request, model="base")).wait()
    assert heard[0] == "submitted"
    assert "succeeded" in heard
    assert heard[-1] == "cache_hit"
    assert "tracker_hooks" in sys.modules


class TestPlainFunctions:
    """Listeners that are no coroutine functions are called in a thread, in their place."""

    BLOCKING = """
    import threading
    from motools import hookimpl
    import heard

    heard.let_go = threading.Event()
    heard.is_over = threading.Event()

    @hookimpl
    def motools_run_event(event):
        heard.calls.append("blocks")
        heard.let_go.wait(60)
        heard.is_over.set()
    """

    async def test_one_that_blocks_keeps_nothing_else_from_going_on(self, world, heard):
        world.install("acme", hooks={"slow": "slow"}, modules={"slow": self.BLOCKING})
        telling = asyncio.create_task(hooks.notify(EVENT))
        while not heard:  # noqa: ASYNC110  (the loop goes on: that is what is tested)
            await asyncio.sleep(0.001)
        assert not telling.done()
        sys.modules["heard"].let_go.set()
        await telling
        assert heard == ["blocks"]

    async def test_one_that_never_returns_is_left_behind_and_not_called_until_it_has(
        self, world, heard, caplog, monkeypatch
    ):
        monkeypatch.setattr("motools.plugins.hooks.LISTENER_SECONDS", 0.3)
        world.install(
            "acme", hooks={"slow": "slow", "then": "then"}, modules={"slow": self.BLOCKING, "then": listener("'then'")}
        )
        await hooks.notify(EVENT)
        await hooks.notify(EVENT)
        assert heard == ["blocks", "then", "then"]
        assert problem(caplog).endswith("motools_run_event raised TimeoutError: it did not return within 0.3 s")
        module = sys.modules["heard"]
        module.let_go.set()
        await asyncio.to_thread(module.is_over.wait, 60)
        while heard.count("blocks") < 2:
            await hooks.notify(EVENT)

    async def test_all_are_called_in_their_order_whatever_they_are(self, world, heard):
        later = "import asyncio\n" + listener("'later'", asynchronous=True).replace(
            "heard.calls", "await asyncio.sleep(0)\n    heard.calls"
        )
        returned = "from motools import hookimpl\nimport two\n@hookimpl\ndef motools_run_event(event):\n    return two.motools_run_event(event)\n"  # fmt: skip
        world.install(
            "acme",
            hooks={"a": "one", "b": "two", "c": "three", "d": "four"},
            modules={"one": listener("'one'"), "two": later, "three": returned, "four": listener("'four'")},
        )
        await hooks.notify(EVENT)
        assert heard == ["one", "later", "later", "four"]

    async def test_none_is_called_twice_at_once_however_many_runs_there_are(self, world, heard):
        counting = """
        from motools import hookimpl
        import heard

        inside = 0

        @hookimpl
        def motools_run_event(event):
            global inside
            inside += 1
            heard.calls.append(inside)
            inside -= 1
        """
        world.install("acme", hooks={"a": "counting"}, modules={"counting": counting})
        await asyncio.gather(*(hooks.notify(EVENT) for _ in range(100)))
        assert heard == [1] * 100

    def test_each_event_loop_is_told_in_turn(self, world, heard):
        world.install("acme", hooks={"a": "one"}, modules={"one": listener("'one'")})
        for _ in range(2):
            asyncio.run(hooks.notify(EVENT))
        assert heard == ["one", "one"]

    async def test_variables_of_the_callers_context_are_seen(self, world, heard):
        world.write(world.site / "context.py", "from contextvars import ContextVar\nvariable = ContextVar('v')")
        noting = listener("variable.get()").replace("import heard", "import heard\nfrom context import variable")
        world.install("acme", hooks={"a": "one"}, modules={"one": noting})
        import context

        context.variable.set("mine")
        await hooks.notify(EVENT)
        assert heard == ["mine"]

    def test_a_process_that_was_forked_has_a_thread_of_its_own(self, world):
        world.write(world.site / "heard.py", "calls = []")
        world.install("acme", hooks={"a": "one"}, modules={"one": listener("1")})
        world.run("""
            import asyncio, os
            from motools.events import Happened, RunEvent
            from motools.plugins import hooks

            event = RunEvent(happened=Happened.FAILED, kind="eval", backend="b", key="k", job_id="j", at=1, model="m")
            asyncio.run(hooks.notify(event))
            child = os.fork()
            asyncio.run(asyncio.wait_for(hooks.notify(event), 20))
            import heard
            assert heard.calls == [1, 1]
            if child:
                assert os.waitpid(child, 0)[1] == 0
        """)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_a_listener_returns_is_nobodys_business(world, heard, caplog, asynchronous):
    odd = """
class Odd:
    def fail(self, *_):
        raise SystemExit("no words")
    __repr__ = __eq__ = __bool__ = __getattr__ = fail
"""
    returning = listener("1", asynchronous=asynchronous) + f"    return Odd()\n{odd}"
    world.install("acme", hooks={"a": "one", "b": "two"}, modules={"one": returning, "two": listener("2")})
    await hooks.notify(EVENT)
    assert heard == [1, 2]
    assert caplog.records == []
