"""The pytest plugin: a fixture that gives each test a home of its own.

pytest loads this module in every project of an environment that has motools-core, so it imports nothing of motools
and changes nothing until a fixture is asked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SUITES = (
    *("motools.testing.training", "motools.testing.evals", "motools.testing.backends", "motools.testing.contract"),
    *("motools.testing.estimates", "motools.testing.powers", "motools.testing.waiting", "motools.testing.construction"),
    *("motools.testing.cache", "motools.testing.leases", "motools.testing.transitions", "motools.testing.remembering"),
    *("motools.testing.sharing", "motools.testing.store", "motools.testing.lines", "motools.testing.middleware"),
    *("motools.testing.hygiene", "motools.testing.passing", "motools.testing.requests", "motools.testing.measured"),
    "motools.testing.handles",
)
pytest.register_assert_rewrite(*SUITES)


@pytest.fixture
def motools_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty `MOTOOLS_HOME` and working directory, and return the home.

    Every other `MOTOOLS_*` variable is taken away, and the test starts in an empty directory, so that no motools.toml of
    the project around it is found.
    """
    for name in [name for name in os.environ if name.startswith("MOTOOLS_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("motools_home")
    monkeypatch.setenv("MOTOOLS_HOME", str(home))
    monkeypatch.chdir(tmp_path_factory.mktemp("working_directory"))
    return home


__all__ = ["SUITES", "motools_home"]
