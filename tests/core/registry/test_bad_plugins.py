"""Plugins that do all that they should not, from Python: an error names each, and everything else works."""

from __future__ import annotations

import pytest

import motools
from motools.errors import PluginError
from motools.plugins import hooks
from motools.plugins.registry import get_backend, get_eval_backend, list_backends
from motools.plugins.stores import open_store

ODD = """
class Odd:
    def fail(self, *_):
        raise SystemExit("no words")
    __repr__ = __str__ = __eq__ = __bool__ = __getattr__ = fail
    __class__ = property(fail)
    def __hash__(self):
        raise SystemExit
"""
MODULES = {
    "exits": "raise SystemExit(3)",
    "raises a base exception": "class Worse(BaseException): pass\nraise Worse('no luck')",
    "raises what cannot be told": "class Mute(Exception):\n    def __str__(self): raise SystemExit\nraise Mute",
    "does not parse": "def broken(:",
    "has attributes that raise": "def __getattr__(name):\n    raise RuntimeError('not for you')",
    "is not there": "import no_such_module",
    "has nothing": "",
    "has objects that bear nothing": f"{ODD}\nBackend = EvalBackend = Layer = store = Odd()",
    "has what is no backend": "class Backend: pass\nEvalBackend = Layer = store = Backend",
    "has functions": "def Backend(*_): raise SystemExit('made')\nEvalBackend = Layer = store = Backend",
}


@pytest.mark.parametrize("case", MODULES)
def test_a_module_that_is_of_no_use(world, training, case):
    world.install(
        "acme",
        "0.3",
        training={"bad": "acme_bad:Backend"},
        evals={"bad-eval": "acme_bad:EvalBackend"},
        middleware={"bad-layer": "acme_bad:Layer"},
        cache={"bad-store": "acme_bad:store"},
        modules={"acme_bad": MODULES[case]},
    )
    world.install("good", training={"good": "good_one:GoodTrainingBackend"}, modules={"good_one": training.format(name="Good")})  # fmt: skip
    asked = {
        "backend": lambda: get_backend("bad"),
        "evaluations": lambda: get_eval_backend("bad-eval"),
        "layer": lambda: get_backend("good", middleware=["bad-layer"]),
        "store": lambda: open_store("bad-store:x"),
        "a store around a good one": lambda: get_backend("good", cache="bad-store:x"),
    }
    for call in asked.values():
        with pytest.raises(PluginError) as caught:
            call()
        assert "acme 0.3" in str(caught.value)
    assert {"bad", "bad-eval", "good"} <= {info.name for info in list_backends()}
    assert get_backend("good", cache=None).name == "good"


MADE = {
    "exits": "raise SystemExit(2)",
    "raises what cannot be told": "class Mute(Exception):\n            def __str__(self): raise SystemExit\n        raise Mute",
    "raises a base exception": "raise BaseException('no luck')",
}


@pytest.mark.parametrize("case", MADE)
def test_a_constructor_that_does_anything_is_the_plugins_fault(world, training, case):
    source = f"{training.format(name='Bad')}    def __init__(self):\n        {MADE[case]}\n"
    layer = f"from motools import TrainingMiddleware\nclass Layer(TrainingMiddleware):\n    def __init__(self, backend):\n        {MADE[case]}\n"  # fmt: skip
    store = f"def store(url):\n    if url:\n        {MADE[case]}\n"
    world.install(
        "acme",
        "0.3",
        training={"bad": "acme_made:BadTrainingBackend"},
        middleware={"bad-layer": "acme_layer:Layer"},
        cache={"bad-store": "acme_store:store"},
        modules={"acme_made": source, "acme_layer": layer, "acme_store": store},
    )
    for call in (
        lambda: get_backend("bad"),
        lambda: get_backend("dummy", kind="training", middleware=["bad-layer"]),
        lambda: open_store("bad-store:x"),
    ):
        with pytest.raises(PluginError, match="'bad"):
            call()


def test_an_interrupt_while_a_backend_is_made_is_no_fault_of_it(world, training):
    source = f"{training.format(name='Bad')}    def __init__(self):\n        raise KeyboardInterrupt\n"
    world.install("acme", training={"bad": "acme_made:BadTrainingBackend"}, modules={"acme_made": source})
    with pytest.raises(KeyboardInterrupt):
        get_backend("bad")


@pytest.mark.parametrize("answer", ["Odd()", "7", "'model'", "[]", "object"])
def test_what_is_no_answer_leaves_it_to_the_others(world, caplog, answer):
    source = f"from motools import hookimpl\n{ODD}\n@hookimpl\ndef motools_resolve_model(model_id): return {answer}\n"
    good = "from motools import ModelRef, hookimpl\n@hookimpl\ndef motools_resolve_model(model_id): return ModelRef(model='good')\n"  # fmt: skip
    world.install("acme", hooks={"bad": "acme_hooks"}, modules={"acme_hooks": source})
    world.install("beta", hooks={"good": "beta_hooks"}, modules={"beta_hooks": good})
    assert hooks.resolve_model("x", "inspect") == motools.ModelRef(model="good")
    assert "Plugin 'bad' (motools.hooks.v1) of acme 1.0" in caplog.text
