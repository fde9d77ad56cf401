"""`motools plugins`: every plugin of every kind, from metadata alone."""

from __future__ import annotations

import json
import sys

import pytest

from motools.cli.app import run
from motools.plugins.listing import list_plugins
from motools.plugins.provenance import provenance


def found():
    return {(info.name, info.kind): info for info in list_plugins()}


def test_plugins_of_every_kind_are_listed_and_none_is_imported(world):
    world.install(
        "acme",
        training={"acme": "acme_all:Backend"},
        evals={"acme": "acme_all:Evals"},
        hooks={"acme": "acme_all"},
        middleware={"loud": "acme_all:Loud"},
        cache={"acmedb": "acme_all:open"},
        commands={"tune": "acme_all:tune"},
        modules={"acme_all": "raise SystemExit('imported')"},
    )
    kinds = sorted((name, kind) for (name, kind), info in found().items() if info.distribution == "acme")
    assert kinds == [
        *[("acme", "eval"), ("acme", "hooks"), ("acme", "training")],
        *[("acmedb", "cache"), ("loud", "middleware"), ("tune", "commands")],
    ]
    assert "acme_all" not in sys.modules


def test_each_status_has_its_reason(world):
    world.install("good", training={"good": "good:Backend"})
    world.install("blocked", hooks={"blocked": "blocked"})
    world.install("one", cache={"same": "one:open"})
    world.install("two", cache={"same": "two:open"})
    world.install("old", middleware_v9={"old": "old:Layer"})
    world.install("odd", training={"odd": "not even a module!"}, middleware={"bare": "module.without.a.class"})
    world.configure('[plugins]\nblock = ["blocked"]')
    status = {info.name: (info.status, info.reason) for info in list_plugins() if info.name != "dummy"}
    assert status["good"] == ("ok", "")
    assert status["blocked"] == ("disabled", f"{world.project / 'motools.toml'} [plugins] blocks it.")
    assert status["same"][0] == "conflict"
    assert "one 1.0" in status["same"][1]
    assert "two 1.0" in status["same"][1]
    assert status["old"][0] == "incompatible"
    assert "v9" in status["old"][1]
    assert status["odd"] == (
        "broken",
        "its value 'not even a module!' names nothing that can be imported; it must have the form package.module:Class.",
    )
    assert status["bare"][0] == "broken"


def test_a_plugin_in_a_group_that_there_is_not_is_listed_with_the_group_that_was_meant(world):
    world.install("acme", trainings={"acme": "acme:Backend"})
    [stray] = [info for info in list_plugins() if info.distribution == "acme"]
    assert (stray.status, stray.kind) == ("incompatible", None)
    assert "no group 'motools.trainings.v1'. Did its author mean 'motools.training.v1'?" in stray.reason


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        (None, ("wheel", "")),
        ({"url": "file:///acme", "dir_info": {"editable": True}}, ("editable", "file:///acme")),
        ({"url": "file:///acme", "dir_info": {}}, ("wheel", "file:///acme")),
        ({"url": "file:///acme-1.0.whl", "archive_info": {"hash": "sha256=0"}}, ("wheel", "file:///acme-1.0.whl")),
        (
            {
                "url": "https://me:secret@example.org/a.git?token=secret",
                "vcs_info": {"vcs": "git", "commit_id": "c0ffee"},
            },
            ("vcs", "git+https://example.org/a.git@c0ffee"),
        ),
        ([1], ("wheel", "")),
        ({"url": ["no text"], "dir_info": "no table"}, ("wheel", "")),
    ],
)
def test_how_a_distribution_was_installed_is_told_without_credentials(world, written, origin):
    info = world.install("acme", training={"acme": "acme:Backend"})
    if written is not None:
        (info / "direct_url.json").write_text(json.dumps(written))
    plugin = found()["acme", "training"]
    assert "secret" not in plugin.source
    if origin[1] or not written:
        assert (plugin.origin, plugin.source) == origin
    assert plugin.origin == origin[0]


def test_a_note_of_the_installer_that_cannot_be_read_is_none(world):
    info = world.install("acme", training={"acme": "acme:Backend"})
    (info / "direct_url.json").write_text("{")
    assert provenance(str(info)) == ("wheel", "")


def test_sources_with_their_metadata_beside_them_are_editable(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "acme.egg-info").mkdir()
    assert provenance(str(tmp_path / "acme.egg-info")) == ("editable", tmp_path.as_uri())


def test_a_backend_that_a_file_names_has_the_file_for_its_origin(world, training):
    world.configure('[plugins.backends]\nmine = "mine:MineTrainingBackend"', mine=training.format(name="Mine"))
    mine = found()["mine", "training"]
    assert (mine.origin, mine.distribution, mine.location) == ("file", None, str(world.project / "motools.toml"))


def test_the_command_prints_a_table_and_says_why_one_cannot_be_used(world, capsys):
    world.install("acme", training={"acme": "acme:Backend", "odd": "not a module"})
    assert run(["plugins"]) == 0
    printed, words = capsys.readouterr()
    assert printed.splitlines()[0].split() == ["NAME", "KIND", "DISTRIBUTION", "VERSION", "STATUS", "ORIGIN"]
    assert ["acme", "training", "acme", "1.0", "ok", "wheel"] in [line.split() for line in printed.splitlines()]
    assert "odd (acme) is broken: its value 'not a module'" in words


def test_the_command_prints_json_of_one_kind(world, capsys):
    world.install("acme", training={"acme": "acme:Backend"}, hooks={"acme": "acme"})
    assert run(["plugins", "--kind", "hooks", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "acme",
            "kind": "hooks",
            "value": "acme",
            "distribution": "acme",
            "version": "1.0",
            "status": "ok",
            "location": str(world.site / "acme-1.0.dist-info"),
            "origin": "wheel",
            "source": "",
            "reason": "",
        }
    ]
