from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def acme(world, training):
    world.install(
        "acme",
        training={"acme": "acme:AcmeTrainingBackend"},
        modules={"acme": training.format(name="Acme")},
    )
    world.install(
        "beta", training={"beta": "beta:B"}, hooks={"beta": "beta"}, modules={"beta": "raise SystemExit('imported')"}
    )
    world.configure(
        """
        cache = "sqlite"  # where paid work is recorded
        [backends.cheap]
        use = "acme"
        [plugins]
        block = ["foo"]
        pin = { acme = "acme" }
        """
    )


@pytest.mark.parametrize(
    "code",
    [
        "import motools",
        "import motools; assert 'acme' in [row.name for row in motools.list_backends()]",
        "import motools; motools.TrainingBackend, motools.EvalBackend",
        "from motools.plugins.registry import find_class; find_class('acme', 'training')",
        "from motools.plugins.registry import find_class; find_class('cheap')",
        "import motools; motools.get_backend('acme', middleware=[])",
        "from motools.training.backends import AcmeTrainingBackend, AcmeTrainingRun",
        "import motools.evals.backends as gateway; dir(gateway)",
    ],
)
def test_finding_a_backend_imports_nothing_heavy(world, code):
    assert world.denied_after(code) == []


def test_a_miss_may_import_what_its_message_needs(world):
    assert "re" in world.denied_after(
        """
        import motools
        try:
            motools.get_backend("acmee")
        except motools.MotoolsError as error:
            str(error)
        """
    )
