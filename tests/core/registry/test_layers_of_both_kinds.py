"""One name can be a layer for both kinds of backend."""

from __future__ import annotations

import pytest

from motools.errors import PluginBroken, SettingError
from motools.plugins.registry import get_backend

SOURCE = """
from dataclasses import dataclass

from motools import EvalMiddleware, TrainingMiddleware

@dataclass(frozen=True, kw_only=True)
class Options:
    volume: int = 3

class ForEvals(EvalMiddleware):
    Options = Options
    def __init__(self, backend, options):
        super().__init__(backend)
        self.options = options

class ForTraining(TrainingMiddleware):
    counterpart = ForEvals

ForEvals.counterpart = ForTraining

class Odd(TrainingMiddleware):
    counterpart = 3

class Alone(TrainingMiddleware):
    pass
"""


@pytest.fixture(autouse=True)
def layers(world):
    names = {name.lower(): f"both:{name}" for name in ("ForEvals", "ForTraining", "Odd", "Alone")}
    world.install("acme-layers", "0.2", middleware=names, modules={"both": SOURCE})


@pytest.mark.parametrize("name", ["fortraining", "forevals"])
@pytest.mark.parametrize(("kind", "expected"), [("training", "ForTraining"), ("eval", "ForEvals")])
def test_whichever_its_entry_point_names_the_other_kind_has_the_counterpart(name, kind, expected):
    assert type(get_backend("dummy", kind=kind, middleware=[name])).__name__ == expected


def test_an_option_of_one_of_them_may_stand_in_a_table_for_both(world):
    world.configure('[backends.dummy]\nmiddleware = ["fortraining"]\nvolume = 5')
    assert get_backend("dummy", kind="eval").options.volume == 5
    assert type(get_backend("dummy", kind="training")).__name__ == "ForTraining"


def test_without_a_counterpart_it_is_for_its_own_kind_alone():
    with pytest.raises(
        SettingError, match=r"'alone' of acme-layers 0.2 is for training backends, not for eval backends"
    ):
        get_backend("dummy", kind="eval", middleware=["alone"])


def test_a_counterpart_that_is_none_is_the_plugins_fault():
    with pytest.raises(
        PluginBroken, match=r"acme-layers 0.2 cannot be used: its counterpart 3 is no layer for eval backends"
    ):
        get_backend("dummy", kind="eval", middleware=["odd"])
