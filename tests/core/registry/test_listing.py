from __future__ import annotations

import sys

import pytest

import motools
from motools.errors import UsageError


def rows(kind=None):
    return {(row.name, row.kind, row.distribution): row for row in motools.list_backends(kind)}


def test_what_is_installed_is_listed_with_its_origin(world):
    info = world.install("acme-tuner", "0.3", training={"acme": "acme:AcmeTrainingBackend"})
    row = rows()["acme", "training", "acme-tuner"]
    assert row.as_dict() == {
        "name": "acme",
        "kind": "training",
        "value": "acme:AcmeTrainingBackend",
        "distribution": "acme-tuner",
        "version": "0.3",
        "status": "ok",
        "location": str(info),
    }
    assert repr(row).startswith("BackendInfo(name='acme', kind='training'")
    assert row == rows()["acme", "training", "acme-tuner"]


def test_the_dummies_of_core_are_listed_and_hooks_are_not(world):
    world.install("acme", hooks={"acme": "acme.hooks"}, middleware={"loud": "acme:Loud"})
    assert [(row.name, row.kind) for row in motools.list_backends()] == [("dummy", "eval"), ("dummy", "training")]


def test_one_kind_is_listed_alone(world):
    world.install("acme", training={"a": "acme:A"}, evals={"b": "acme:B"})
    assert [row.name for row in motools.list_backends("eval")] == ["b", "dummy"]
    assert [row.name for row in motools.list_backends(kind="training")] == ["a", "dummy"]
    with pytest.raises(UsageError, match="'trainings'"):
        motools.list_backends("trainings")


def test_listing_imports_no_plugin_so_a_broken_one_cannot_break_it(world):
    world.install("acme", training={"acme": "acme_listed:A"}, modules={"acme_listed": "raise SystemExit('no')"})
    world.install("odd", training={"odd": "not even a module!"})
    assert {"acme", "odd"} <= {row.name for row in motools.list_backends()}
    assert "acme_listed" not in sys.modules


def test_another_path_configuration_or_variable_is_another_answer(world, monkeypatch):
    assert "acme" not in {row.name for row in motools.list_backends()}
    world.install("acme", training={"acme": "acme:A"})
    monkeypatch.setattr(sys, "path", [*sys.path, str(world.project)])
    assert rows()["acme", "training", "acme"].status == "ok"
    world.configure('[plugins]\nblock = ["acme"]')
    assert rows()["acme", "training", "acme"].status == "disabled"
    monkeypatch.setenv("MOTOOLS_PLUGINS", "acme")
    assert rows()["acme", "training", "acme"].status == "ok"


@pytest.mark.parametrize(
    ("variable", "usable"),
    [
        ("acme,beta", ["acme", "beta"]),
        (" acme , ", ["acme"]),
        ("-acme", ["beta", "dummy", "dummy", "gamma"]),
        ("acme,beta,-beta", ["acme"]),
        ("", []),
        (" , ", []),
    ],
)
def test_the_variable_lets_plugins_in_by_name(world, monkeypatch, variable, usable):
    world.install("acme", training={"acme": "acme:A", "beta": "acme:B", "gamma": "acme:C"})
    monkeypatch.setenv("MOTOOLS_PLUGINS", variable)
    assert [row.name for row in motools.list_backends() if row.status == "ok"] == usable
    assert {row.reason for row in motools.list_backends() if row.status == "disabled"} == {
        f"MOTOOLS_PLUGINS={variable!r} switches it off."
    }


def test_two_distributions_with_one_name_are_both_listed_as_a_conflict(world):
    world.install("acme-one", "1.0", training={"acme": "one:A"})
    world.install("acme-two", "2.0", training={"acme": "two:A"})
    assert {row.status for row in motools.list_backends() if row.name == "acme"} == {"conflict"}
    world.configure('[plugins]\npin = { acme = "Acme_Two" }')
    assert rows()["acme", "training", "acme-one"].status == "disabled"
    assert rows()["acme", "training", "acme-two"].status == "ok"


def test_a_plugin_for_another_major_is_incompatible_unless_it_serves_ours_as_well(world):
    world.install("late", training_v9={"late": "late:A"})
    world.install("both", training={"both": "both:A"}, training_v2={"both": "both.v2:A"})
    assert rows()["late", "training", "late"].status == "incompatible"
    assert [(row.status, row.value) for row in motools.list_backends() if row.name == "both"] == [("ok", "both:A")]


def test_groups_that_are_none_of_ours_are_passed_over(world):
    world.install("acme", training={"acme": "acme:A"})
    (world.site / "acme-1.0.dist-info" / "entry_points.txt").write_text(
        "[motools.training]\na = x:A\n[motools.training.vx]\nb = x:A\n[motools.guests.v1]\nc = x:A\n[motools.a.b.c]\nd = x:A\n"
    )
    assert {row.name for row in motools.list_backends()} == {"dummy"}


def test_aliases_and_backends_beside_the_file_are_listed(world, training, evals):
    world.install("acme", training={"acme": "acme:A"})
    world.configure(
        """
        [backends.cheap]
        use = "acme"
        [plugins.backends]
        mine = "beside:MineTrainingBackend"
        judge = "beside:MineEvalBackend"
        riddle = "elsewhere:Riddle"
        """,
        beside=training.format(name="Mine") + evals.format(name="Mine"),
    )
    listed = {row.name: row for row in motools.list_backends()}
    assert listed["cheap"].value == "acme:A"
    assert [listed[name].kind for name in ("mine", "judge", "riddle")] == ["training", "eval", None]
    assert listed["mine"].distribution is None
    assert listed["mine"].location == str(world.project / "motools.toml")
    assert "beside" not in sys.modules
