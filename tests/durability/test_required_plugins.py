"""A plugin that the configuration requires: without it, or when it fails, nothing is paid for."""

from __future__ import annotations

import asyncio
import sys
import uuid
from contextlib import asynccontextmanager
from textwrap import dedent
from types import SimpleNamespace

import pytest
from paid_backend import PaidBackend

from motools.cache.states import State
from motools.errors import PluginBroken, PluginError, PluginRequired
from motools.plugins import registry
from motools.plugins.registry import get_backend

LISTENER = """
from motools import hookimpl
import audit_told as told

@hookimpl
{asynchronous}def motools_run_event(event):
    told.heard.append(str(event.happened))
    {body}
"""


def listening(body="pass", asynchronous=""):
    return LISTENER.format(body=body, asynchronous=asynchronous)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return `install(name=source, …)`: a distribution of each hook module; the plugin "audit" is required."""
    site, project = tmp_path / "site", tmp_path / "project"
    site.mkdir()
    project.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(project)
    (project / "motools.toml").write_text('[plugins]\nrequired = ["audit"]\n')
    (site / "audit_told.py").write_text("heard = []\nhow = None\n")

    def install(more="", **modules):
        (project / "motools.toml").write_text(f'[plugins]\nrequired = ["audit"]\n{more}')
        for name, source in modules.items():
            (site / f"of_{name}.py").write_text(dedent(source))
            information = site / f"acme_{name}-1.0.dist-info"
            information.mkdir(exist_ok=True)
            (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 1.0\n")
            (information / "entry_points.txt").write_text(f"[motools.hooks.v1]\n{name} = of_{name}\n")
            sys.modules.pop(f"of_{name}", None)
        registry.refresh()
        import audit_told

        return audit_told

    yield install
    for name in [name for name in sys.modules if name.startswith(("of_", "audit_told"))]:
        del sys.modules[name]
    registry.refresh()


@pytest.fixture
def asked(service, ledger, data):
    """Return what asks for a paid training of its own, again and again the same."""
    work = f"required-{uuid.uuid4().hex}"

    async def ask():
        backend = get_backend(PaidBackend, cache=ledger, url=service.url)
        return await backend.train(data, "small", suffix=work)

    ask.work = work
    return ask


@pytest.fixture
def refused(asked, service, ledger):
    """Return what asks for a training that must be refused, and looks at the bill; the record must be one to begin again."""

    async def refused(error=PluginError):
        with pytest.raises(error) as caught:
            await asked()
        assert await service.paid(asked.work) == []
        assert {record.state for record in await ledger.records()} <= {State.ABSENT}
        return str(caught.value)

    return refused


async def test_one_that_is_absent(install, refused):
    install(other=listening())
    said = await refused(PluginRequired)
    assert "requires the plugin 'audit', and no installed distribution has hooks of that name. Installed: " in said
    assert "other" in said


async def test_one_that_is_blocked(install, refused):
    install('block = ["audit"]\n', audit=listening())
    assert "blocks it" in await refused(PluginRequired)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise SystemExit(3)", "called sys.exit(3) when it was imported"),
        ("import no_such_sdk", "it needs the module 'no_such_sdk'"),
        (
            "from motools import hookimpl\n@hookimpl\ndef motools_run_evnt(event): pass",
            "there is no hook 'motools_run_evnt'. Did you mean 'motools_run_event'?",
        ),
    ],
)
async def test_one_that_cannot_be_imported_or_misspells_a_hook(install, refused, source, reason):
    install(audit=source)
    assert reason in await refused(PluginBroken)


@pytest.mark.parametrize("asynchronous", ["", "async "])
@pytest.mark.parametrize("body", ["raise ValueError('no luck')", "raise SystemExit(1)", "told.how()"])
async def test_one_that_fails_when_it_is_told_that_the_paid_call_is_next(
    install, refused, asked, service, body, asynchronous
):
    told = install(audit=listening(body, asynchronous), later=listening())
    assert "Plugin 'audit' (motools.hooks.v1) of acme-audit 1.0" in await refused(PluginBroken)
    assert told.heard == ["submitting"]
    install(audit=listening())
    assert await (await asked()).wait()
    assert len(await service.paid(asked.work)) == 1
    assert told.heard[1:4] == ["submitting", "submitted", "submitted"]


@pytest.mark.parametrize(
    ("source", "again"),
    [
        ("import asyncio\n" + listening("await asyncio.Event().wait()", "async "), "within 0.05 s"),
        ("import threading\n" + listening("threading.Event().wait(60)"), "has not returned from an earlier event"),
    ],
)
async def test_one_that_does_not_answer(install, refused, monkeypatch, source, again):
    monkeypatch.setattr("motools.plugins.hooks.LISTENER_SECONDS", 0.05)
    install(audit=source)
    assert "within 0.05 s" in await refused(PluginBroken)
    assert again in await refused(PluginBroken)


async def test_what_is_paid_for_is_kept_though_it_fails_afterwards(install, asked, service):
    told = install(audit=listening("if event.happened == 'submitted': raise ValueError('no luck')"))
    assert await (await asked()).wait() == await (await asked()).wait()
    assert len(await service.paid(asked.work)) == 1
    assert told.heard[:2] == ["submitting", "submitted"]


async def test_one_that_nobody_requires_stops_nothing(install, asked, service):
    install(audit=listening(), other=listening("raise ValueError('no luck')"))
    assert await (await asked()).wait()
    assert len(await service.paid(asked.work)) == 1


async def test_many_who_ask_at_once_are_refused_together(install, asked, service):
    install(audit=listening("raise ValueError('no luck')"))
    outcomes = await asyncio.gather(*(asked() for _ in range(5)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {PluginBroken}
    assert await service.paid(asked.work) == []


@pytest.mark.parametrize("options", [{"cache": None}, {"middleware": ["validate"]}, {"middleware": []}])
async def test_without_a_record_it_is_told_of_each_request_all_the_same(install, service, data, options):
    told = install(audit=listening("if told.how: raise ValueError('no luck')"))
    told.how, work = "badly", f"required-{uuid.uuid4().hex}"
    backend = get_backend(PaidBackend, **options, url=service.url)
    ticket = NoTicket()
    with pytest.raises(PluginBroken, match="Plugin 'audit'"):
        await backend.train(data, "small", suffix=work, ticket=ticket)
    assert await service.paid(work) == []
    told.how = None
    await backend.train(data, "small", suffix=work, ticket=ticket)
    assert len(await service.paid(work)) == 1
    assert told.heard == ["submitting", "submitting"]


async def test_evaluations_without_a_record_are_told_of_too(install, monkeypatch):
    told = install(audit=listening("if told.how: raise ValueError('no luck')"))
    told.how = "badly"
    backend = get_backend("dummy", kind="eval", cache=None)
    with pytest.raises(PluginBroken, match="Plugin 'audit'"):
        await backend.evaluate("model", "task")
    told.how = None
    assert await (await backend.evaluate("model", "task")).wait()


class NoTicket:
    """Stands in for the ticket of a record that there is not."""

    token = ""

    async def turn(self, **_):
        """There is no line to wait in."""

    @asynccontextmanager
    async def paying(self, **_):
        yield SimpleNamespace(job_id=None)
