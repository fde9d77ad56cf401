"""`motools doctor`: each thing that can be wrong with an installation is found, and told with its remedy."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from motools.cli.app import run
from motools.doctor.configuration import examine_configuration
from motools.doctor.services import examine_services
from motools.doctor.shadows import examine_shadows
from motools.doctor.store import examine_store
from motools.doctor.versions import examine_versions
from motools.plugins.requirements import requirement

CONVERSATION = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


def told(findings, level=None):
    return [finding.what for finding in findings if level in (None, finding.level)]


def problems(findings):
    found = [finding for finding in findings if finding.level == "problem"]
    assert all(finding.remedy for finding in found)
    return [f"{finding.what} {finding.remedy}" for finding in found]


async def gathered(examination):
    return [finding async for finding in examination]


def needs(info, *requirements):
    with (info / "METADATA").open("a") as metadata:
        metadata.writelines(f"Requires-Dist: {line}\n" for line in requirements)


# versions


def test_a_plugin_that_fits_is_fine_with_what_it_is_built_on(world):
    sdk = world.install("acme-sdk", "2.4.1")
    assert sdk.exists()
    needs(
        world.install("acme", training={"acme": "acme:A"}),
        "motools-core>=0.1,<1",
        "Acme_SDK[fast]>=2,<3",
        "acme-sdk; extra == 'tests'",
    )
    findings = list(examine_versions())
    version = importlib.metadata.version("motools-core")
    assert f"acme 1.0 with motools-core {version}, acme-sdk 2.4.1" in told(findings, "ok")  # each of them once
    assert problems(findings) == []


def test_a_plugin_that_needs_another_core_or_sdk_is_a_problem(world):
    world.install("acme-sdk", "1.9")
    needs(world.install("acme", training={"acme": "acme:A"}), "motools-core>=7,<8", "acme-sdk~=2.1", "gone-sdk")
    found = problems(examine_versions())
    version = importlib.metadata.version("motools-core")
    assert any(f"acme 1.0 needs motools-core >=7,<8, and {version} is installed." in each for each in found)
    assert any("acme 1.0 needs acme-sdk ~=2.1, and 1.9 is installed." in each for each in found)
    assert any("acme 1.0 needs gone-sdk, and it is not installed." in each for each in found)
    assert not any("pip install" in each for each in found)


def test_an_official_plugin_is_put_right_by_pip(world):
    needs(world.install("motools-openai", "0.0.9", training={"openai": "o:A"}), "motools-core>=7")
    [problem] = problems(examine_versions())
    assert problem.endswith("-m pip install -U motools-core motools-openai")


def test_what_is_needed_with_an_extra_or_in_some_places_may_be_missing(world):
    info = world.install("acme", training={"acme": "acme:A"})
    needs(info, "more-sdk>=1; extra == 'more'", "winsdk; sys_platform == 'win32'")
    assert problems(examine_versions()) == []


def test_two_copies_of_core_are_a_problem(world):
    info = world.site / "motools_core-0.0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: motools-core\nVersion: 0.0.1\n")
    found = problems(examine_versions())
    assert any("is installed 2 times" in each for each in found)
    assert any("what is installed is 0.0.1" in each for each in found)


def test_metadata_that_cannot_be_read_costs_nobody_else_anything(world):
    info = world.install("acme", training={"acme": "acme:A"})
    (info / "METADATA").unlink()
    needs(world.install("beta", training={"beta": "beta:B"}), "motools-core>=7")
    assert any("beta 1.0 needs" in each for each in problems(examine_versions()))


@pytest.mark.parametrize(
    ("line", "version", "holds"),
    [
        ("a>=1.2,<2", "1.2", True),
        ("a>=1.2,<2", "1.10.1", True),
        ("a>=1.2,<2", "2.0", False),
        ("a (>=1.2)", "1.1.9", False),
        ("a==1.*", "1.9", True),
        ("a!=1.5.*", "1.5.2", False),
        ("a~=1.4.2", "1.4.9", True),
        ("a~=1.4.2", "1.5", False),
        ("a==1.0", "1", True),
        ("a>1", "1.0.1", True),
        ("a<=1.0+local", "1.0", True),
        ("a>=1", "unknown", True),
        ("a @ https://example.org/a.whl", "0.1", True),
    ],
)
def test_versions_are_compared_by_their_numbers(line, version, holds):
    assert requirement(line).allows(version) is holds


# shadows


def test_the_unrelated_distribution_is_a_problem(world):
    assert problems(examine_shadows()) == []
    world.install("motools")
    [problem] = problems(examine_shadows())
    assert "an unrelated project" in problem
    assert "pip uninstall motools" in problem


def test_a_module_of_the_working_directory_that_hides_ours_is_a_problem(world, training):
    world.install("acme", training={"acme": "acme_hidden:A"}, modules={"acme_hidden": training.format(name="A")})
    (world.project / "motools.py").touch()
    (world.project / "acme_hidden").mkdir()
    (world.project / "acme_hidden" / "__init__.py").touch()
    (world.project / "pluggy.py").touch()
    found = problems(examine_shadows())
    assert len(found) == 2
    assert f"{world.project / 'motools.py'} hides the installed module 'motools'" in found[1]
    assert str(world.site / "acme_hidden.py") in found[0]


def test_the_sources_themselves_hide_nothing(world, monkeypatch):
    monkeypatch.chdir(world.core)
    assert problems(examine_shadows()) == []


# configuration


def test_a_configuration_that_cannot_be_understood_is_a_problem_and_the_rest_is_examined(world, capsys):
    world.configure('cach = "sqlite"')
    assert run(["doctor", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert any("Did you mean 'cache'?" in each["what"] for each in findings if each["topic"] == "configuration")
    assert {"versions", "shadows", "store", "plugins"} <= {each["topic"] for each in findings}


def test_a_name_in_the_variable_that_nothing_has_is_told_with_the_nearest(world, monkeypatch):
    world.install("acme", training={"acme": "acme:A"})
    monkeypatch.setenv("MOTOOLS_PLUGINS", "acmee,-nobody")
    named = {each.what: each.remedy for each in examine_configuration() if "MOTOOLS_PLUGINS" in each.what}
    words = "MOTOOLS_PLUGINS names {!r}, and nothing that is installed has that name."
    assert named[words.format("acmee")] == "If acme is meant, correct it."
    assert named.keys() == {words.format("acmee"), words.format("nobody")}


def test_what_a_configuration_names_and_is_not_there_is_a_problem(world):
    world.install("acme", training={"acme": "acme:A"})
    world.configure(
        """
        [backends.acmee]
        learning_rate = 1
        [backends.round]
        use = "round2"
        [backends.round2]
        use = "round"
        [backends.acme]
        middleware = ["cache", "limmit"]
        [backends.waiting]
        use = "dummy"
        middleware = ["limit", "cache"]
        [backends.dummy]
        duration = 1
        [plugins]
        block = ["nobody"]
        pin = { acme = "other-acme" }
        required = ["tracker"]
        """
    )
    findings = list(examine_configuration())
    found = "\n".join(problems(findings))
    assert "[backends.acmee]: No backend 'acmee'" in found
    assert "round -> round2 -> round lead in a circle" in found
    assert "no middleware layer is called 'limmit'. Did you mean 'limit'? Known: cache" in found
    assert "[backends.waiting]: The layer 'limit' stands outside 'cache'" in found
    assert "pins 'acme' to other-acme: it is offered by acme. Install other-acme" in found
    assert "requires the plugin 'tracker'" in found
    assert "[backends.dummy]" not in found
    assert any("blocks 'nobody'" in each for each in told(findings, "note"))


def test_the_nearest_of_what_there_is_is_named_for_each_control(world):
    world.install("acme", training={"acme": "acme:A"}, hooks={"tracker": "acme"})
    world.configure(
        """
        [backends.acme]
        middleware = ["cahce"]
        [backends.cheap]
        usse = "acme"
        [plugins]
        block = ["acmee"]
        pin = { acmme = "acme" }
        required = ["trakcer"]
        """
    )
    words = [f"{each.what} {each.remedy}" for each in examine_configuration()]
    for said in (
        "no middleware layer is called 'cahce'. Did you mean 'cache'?",
        "[backends.cheap] has no `use`, which says what it stands for: is it meant by 'usse'?",
        "blocks 'acmee', and nothing that is installed has that name. If acme is meant, correct it.",
        "pins 'acmme' to acme: nothing installed offers it. If acme is meant, correct it.",
        "no installed distribution has hooks of that name. Did you mean 'tracker'? Installed: tracker.",
    ):
        assert [each for each in words if said in each], said


def test_a_variable_that_is_probably_misspelt_is_noted(world, monkeypatch):
    monkeypatch.setenv("MOTOOLS_CAHCE", "none")
    [note] = told(examine_configuration(), "note")
    assert note == "motools reads no variable MOTOOLS_CAHCE."


# store


async def test_a_store_that_is_not_there_yet_is_fine_and_not_made(motools_home, monkeypatch):
    monkeypatch.setenv("MOTOOLS_HOME", str(motools_home / "later"))
    assert problems(await gathered(examine_store())) == []
    assert not (motools_home / "later").exists()


async def used_store(home):
    from motools import get_backend
    from motools.plugins.registry import open_store

    await (await get_backend("dummy", kind="training").train([CONVERSATION], "m")).wait()
    open_store().close()
    return home / "motools.db"


async def test_a_store_in_use_is_opened_and_counted(motools_home):
    place = await used_store(motools_home)
    assert f"{place} opens: 1 record, nothing damaged" in told(await gathered(examine_store()), "ok")


async def test_a_damaged_store_is_a_problem(motools_home):
    place = await used_store(motools_home)
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE runs SET job_id = 'forged'")
    connection.close()
    [problem] = problems(await gathered(examine_store()))
    assert "1 thing wrong" in problem
    assert "motools cache verify" in problem
    place.write_bytes(b"this is no database" * 100)
    [problem] = problems(await gathered(examine_store()))
    assert "cannot be opened" in problem


async def test_files_that_others_can_read_are_a_problem(motools_home):
    place = await used_store(motools_home)
    place.chmod(0o644)
    motools_home.chmod(0o755)
    assert [each.rpartition(": ")[2] for each in problems(await gathered(examine_store()))] == [
        f"it holds what was asked for and what came of it. chmod 700 {motools_home}",
        f"it holds what was asked for and what came of it. chmod 600 {place}",
    ]


async def test_a_home_that_cannot_be_used_is_a_problem(motools_home, monkeypatch):
    (motools_home / "file").touch()
    monkeypatch.setenv("MOTOOLS_HOME", str(motools_home / "file" / "home"))
    [problem] = problems(await gathered(examine_store()))
    assert f"{motools_home / 'file'} is no directory" in problem


async def test_no_record_and_a_plugins_record_are_said(motools_home, monkeypatch):
    monkeypatch.setenv("MOTOOLS_CACHE", "none")
    [note] = told(await gathered(examine_store()), "note")
    assert "the same request again is paid again" in note
    monkeypatch.setenv("MOTOOLS_CACHE", "acmedb://here")
    [fine] = told(await gathered(examine_store()), "ok")
    assert "the store is 'acmedb' (MOTOOLS_CACHE), of a plugin" in fine


# plugins, keys and services


@pytest.mark.slow
async def test_a_broken_plugin_is_a_problem_and_the_others_are_examined(world, training):
    world.install("acme", training={"acme": "acme_dr:A"}, modules={"acme_dr": "import sys; sys.exit('no')"})
    world.install("one", cache={"same": "one:open"})
    world.install("two", cache={"same": "two:open"})
    findings = await gathered(examine_services(online=False, seconds=30))
    found = "\n".join(problems(findings))
    assert "acme (training of acme 1.0) is broken: its module 'acme_dr' called sys.exit('no')" in found
    assert "same (cache of one 1.0) is conflict" in found
    assert any(each.startswith("dummy (training of motools-core") for each in told(findings, "ok"))
    assert "acme_dr" not in sys.modules


@pytest.mark.slow
async def test_keys_are_set_or_not_and_never_shown(world, training, monkeypatch):
    source = training.format(name="Acme") + "    key_variables = ('ACME_KEY', 'BETA_KEY', 'GAMMA_KEY')\n"
    world.install("acme", training={"acme": "acme_keys:AcmeTrainingBackend"}, modules={"acme_keys": source})
    monkeypatch.setenv("ACME_KEY", "canary-0123456789")
    monkeypatch.setenv("GAMMA_KEY", "canary-9876543210\n")
    findings = await gathered(examine_services(online=False, seconds=30))
    keys = {finding.what.split()[0]: finding for finding in findings if finding.topic == "keys"}
    assert (keys["ACME_KEY"].level, keys["ACME_KEY"].what) == ("ok", "ACME_KEY is set (acme)")
    assert (keys["BETA_KEY"].level, keys["BETA_KEY"].remedy) == ("note", "Before acme is used: export BETA_KEY=…")
    assert keys["GAMMA_KEY"].level == "problem"
    said = json.dumps([finding.as_dict() for finding in findings])
    assert "canary" not in said
    assert "0123" not in said


@pytest.mark.slow
async def test_services_are_asked_only_online_and_aliases_too(world, training):
    source = training.format(name="Acme") + (
        "    from motools import Capability\n"
        "    capabilities = frozenset({Capability.PING})\n"
        "    def __init__(self, url='nowhere'): self.url = url\n"
        "    async def ping(self): raise RuntimeError(f'no answer from {self.url}')\n"
    )
    world.install("acme", training={"acme": "acme_asked:AcmeTrainingBackend"}, modules={"acme_asked": source})
    world.configure('[backends.near]\nuse = "acme"\nurl = "here"\n[backends.odd]\nuse = "acme"\nulr = "here"')
    offline = await gathered(examine_services(online=False, seconds=30))
    assert [finding for finding in offline if finding.topic == "services"] == []
    findings = await gathered(examine_services(online=True, seconds=30))
    services = [finding for finding in findings if finding.topic == "services"]
    assert told(services, "ok") == ["dummy answers", "dummy answers"]
    found = "\n".join(problems(services))
    assert "acme (acme 1.0) gives no good answer: RuntimeError: no answer from nowhere" in found
    assert "near (acme 1.0) gives no good answer: RuntimeError: no answer from here" in found
    problem = next(each for each in problems(findings) if "odd (training of acme 1.0) was not made: " in each)
    assert "'url'" in problem
    assert "motools.toml [backends.odd]" in problem


@pytest.mark.slow
async def test_a_configured_store_of_a_plugin_is_opened(world, monkeypatch):
    world.install("acme", cache={"acmedb": "acme_db:open"}, modules={"acme_db": "def open(url): raise OSError('no disk')"})  # fmt: skip
    monkeypatch.setenv("MOTOOLS_CACHE", "acmedb://here")
    [problem] = problems(await gathered(examine_services(online=False, seconds=30)))
    assert "acmedb (cache of acme 1.0) is broken: opening the store raised OSError: no disk" in problem


@pytest.mark.slow
def test_the_command_says_all_and_its_status_is_whether_there_are_problems(world, capsys):
    assert run(["doctor"]) == 0
    printed, words = capsys.readouterr()
    topics = [line for line in printed.splitlines() if not line.startswith(" ")]
    assert topics == ["versions", "shadows", "configuration", "store", "plugins"]
    assert words == "Nothing is wrong.\n"
    world.install("motools")
    assert run(["doctor"]) == 1
    printed, words = capsys.readouterr()
    assert "  problem a distribution 'motools' is installed" in printed
    assert "          -> " in printed
    assert words == "1 problem.\n"
    assert not Path(os.environ["MOTOOLS_HOME"], "motools.db").exists()
