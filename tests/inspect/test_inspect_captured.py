# ruff: noqa: S102, S307  (code that no file has is what is looked at)
"""What a solver or scorer says is what it has at hand, not its text alone: each such thing is part of what is measured."""

from __future__ import annotations

import argparse
import array
import asyncio
import collections
import dataclasses
import json
import logging
import os
import string
import subprocess
import sys
import threading
from functools import partial, wraps
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import pytest

from motools.errors import SpecError

pytestmark = pytest.mark.slow


def facts(solver=None, scorer=None, **changes: Any) -> str:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    from motools_inspect.facts import facts_of

    task = Task(dataset=[Sample(input="x")], solver=solver or generate(), scorer=scorer or match(), **changes)
    return json.dumps(facts_of(task, {}, solver=None, epochs=None), sort_keys=True)


def table(cell: Any) -> Any:
    import pandas as pd

    return pd.DataFrame({"to": [cell]})


def saying(what: Any, how: Any = None) -> Any:
    """Return a solver that has `what` at hand."""
    from inspect_ai.solver import solver

    @solver
    def say():
        async def solve(state, generate):
            state.user_prompt.text = how(what) if how else str(what)
            return state

        return solve

    return say()


def by_default(what: Any) -> Any:
    from inspect_ai.solver import solver

    @solver
    def say():
        async def solve(state, generate, *, text=what):
            return state

        return solve

    return say()


def by_class(what: Any) -> Any:
    from inspect_ai.solver import solver

    @solver
    class Say:
        def __init__(self):
            self.text = what

        async def __call__(self, state, generate):
            return state

    return Say()


def in_an_agent(what: Any) -> Any:
    from inspect_ai.agent import react
    from inspect_ai.tool import tool

    @tool
    def look():
        async def execute(place: str):
            """Look somewhere.

            Args:
                place: Where.
            """
            return what

        return execute

    return react(tools=[look()])


def decorated(what: Any) -> Any:
    def loud(function):
        @wraps(function)
        def inner(*arguments):
            return what, function(*arguments)

        return inner

    return saying("x", loud(str))


@dataclasses.dataclass
class Words:
    first: Any
    lock: Any = dataclasses.field(default_factory=threading.Lock)


class Voice:
    volume = 3

    def __init__(self, what: Any):
        self.what = what
        self.log = logging.getLogger("voice")

    def say(self, said: str) -> str:
        return said + self.what


HAVING = {
    "a text": saying,
    "a number in a list": lambda what: saying([1, ord(what[3])]),
    "a mapping": lambda what: saying({"to": {"say": what}}),
    "a set": lambda what: saying({"a", "b", what}),
    "bytes": lambda what: saying(what.encode()),
    "the options of a program": lambda what: saying(argparse.Namespace(system=what)),
    "a namespace": lambda what: saying(SimpleNamespace(system=what)),
    "a template": lambda what: saying(string.Template(what)),
    "a queue": lambda what: saying(collections.deque(["x", what])),
    "a chain of mappings": lambda what: saying(collections.ChainMap({}, {"to": what})),
    "a mapping of another class": lambda what: saying(collections.UserDict({"to": what})),
    "a list of another class": lambda what: saying(collections.UserList([what])),
    "a table": lambda what: saying(table(what)),
    "a table of numbers": lambda what: saying(table(ord(what[3]))),
    "an array": lambda what: saying(array.array("b", what.encode())),
    "a data class": lambda what: saying(Words(what)),
    "an object": lambda what: saying(Voice(what)),
    "a method of an object": lambda what: saying("x", Voice(what).say),
    "a method of a text": lambda what: saying("x", what.join),
    "a function that has it": lambda what: saying("x", lambda said: said + what),
    "a part of a call": lambda what: saying("x", partial(str.replace, "x", what)),
    "a default": by_default,
    "an attribute": by_class,
    "a tool of an agent": in_an_agent,
    "a decorator": decorated,
    "the code of a function without a file": lambda what: saying("x", eval(f"lambda said: said + {what!r}")),
}


@pytest.mark.parametrize("having", HAVING)
def test_whatever_a_solver_has_at_hand_counts(having):
    make = HAVING[having]
    assert facts(make("Be brief.")) == facts(make("Be brief."))
    assert facts(make("Be brief.")) != facts(make("Be kind.."))


def test_a_model_at_hand_counts_by_its_name_and_arguments(installed):
    from inspect_ai.model import get_model

    graders = [
        get_model("scripted/upper"),
        get_model("scripted/other"),
        get_model("scripted/upper", prefix="x", memoize=False),
    ]
    assert len({facts(saying(each)) for each in graders}) == 3


def test_what_a_scorer_and_its_metrics_have_at_hand_counts():
    from inspect_ai.scorer import Score, metric, scorer

    def scoring(value, more):
        @metric
        def sum_of():
            def add(scores):
                return sum(score.score.as_float() for score in scores) + more

            return add

        @scorer(metrics=[sum_of()])
        def fixed():
            async def score(state, target):
                return Score(value=value)

            return score

        return fixed()

    assert facts(scorer=scoring(1, 2)) == facts(scorer=scoring(1, 2))
    assert len({facts(scorer=scoring(value, more)) for value in (1, 2) for more in (1, 2)}) == 4


def test_what_brings_epochs_together_and_what_approves_of_tools_count_by_what_they_have():
    from inspect_ai import Epochs
    from inspect_ai.approval import Approval, ApprovalPolicy, approver
    from inspect_ai.scorer import score_reducer

    def reducing(which):
        @score_reducer
        def one_of():
            def reduce(scores):
                return scores[which]

            return reduce

        return {"epochs": Epochs(2, one_of())}

    def approving(what):
        @approver
        def fixed():
            async def approve(message, call, view, history):
                return Approval(decision=what)

            return approve

        return {"approval": [ApprovalPolicy(fixed(), "*")]}

    for make, values in ((reducing, (0, 1)), (approving, ("approve", "reject"))):
        one, other = values
        assert facts(**make(one)) == facts(**make(one)) != facts(**make(other))


def test_what_decides_to_stop_early_counts_by_what_it_has():
    class Stopping:
        def __init__(self, after):
            self.after = after

    assert facts(early_stopping=Stopping(3)) == facts(early_stopping=Stopping(3)) != facts(early_stopping=Stopping(4))


def test_what_tells_nothing_of_an_answer_does_not_count():
    import httpx

    for make in (
        threading.Lock,
        asyncio.Event,
        httpx.AsyncClient,
        object,
        lambda: logging.getLogger(str(id(object()))),
    ):
        assert facts(saying(make())) == facts(saying(make()))


def test_which_of_several_things_it_is_counts():
    one, two = Words("one"), Words("two")
    assert len({facts(saying([one, two, each])) for each in (one, two)}) == 2


def test_what_inspect_itself_brings_goes_by_its_version():
    from inspect_ai.agent import react
    from inspect_ai.scorer import model_graded_qa
    from inspect_ai.solver import basic_agent, multiple_choice, use_tools
    from inspect_ai.tool import bash

    for solver in (react(tools=[bash()]), basic_agent(tools=[bash()]), use_tools([bash()]), multiple_choice()):
        assert "captured" not in facts(solver, model_graded_qa())


def test_a_cell_that_is_empty_and_things_that_hold_themselves_are_no_trouble():
    held: list[Any] = []
    held.append(held)

    def make():
        solver = saying(held, lambda said: later)
        if not held:
            later = 1
        return solver

    assert facts(make()) == facts(make())


def test_what_is_nested_too_deep_is_refused_in_words():
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep, 1]
    with pytest.raises(SpecError, match="nested too deep"):
        facts(saying(deep))


def module(name: str, path: Path, text: str) -> ModuleType:
    path.write_text(text)
    found = ModuleType(name)
    found.__file__ = str(path)
    exec(compile(text, path, "exec"), vars(found))
    return found


def test_the_globals_that_code_names_count_and_others_do_not(tmp_path, monkeypatch):
    text = "def say(said):\n    return said + PROMPT + helper.word()\n"
    speech = module("speech", tmp_path / "speech.py", text)
    monkeypatch.setitem(sys.modules, "speech", speech)
    helper = module("helper", tmp_path / "helper.py", "WORD = 'a'\n\ndef word():\n    return WORD\n")
    monkeypatch.setitem(sys.modules, "helper", helper)
    vars(speech).update(PROMPT="Be brief.", helper=helper, unused=1)
    assert isinstance(speech.say, FunctionType)
    before = facts(saying("x", speech.say))
    speech.unused = 2
    assert facts(saying("x", speech.say)) == before
    speech.PROMPT = "Be kind."
    assert facts(saying("x", speech.say)) != before
    speech.PROMPT, helper.WORD = "Be brief.", "b"
    assert facts(saying("x", speech.say)) != before
    helper.WORD = "a"
    assert facts(saying("x", speech.say)) == before
    (tmp_path / "helper.py").write_text((tmp_path / "helper.py").read_text() + "\n")
    assert facts(saying("x", speech.say)) != before


def test_which_of_two_places_is_at_hand_counts_and_neither_where_the_code_is_nor_what_is_there_does(
    tmp_path, monkeypatch
):
    def said(project: str, place: str) -> str:
        text = f"from pathlib import Path\nHERE = Path(__file__).parent\nWORDS = {place}\n\ndef say(said):\n    return WORDS\n"
        (tmp_path / project / "lib").mkdir(parents=True, exist_ok=True)
        speech = module("speech", tmp_path / project / "lib" / "speech.py", text)
        monkeypatch.setitem(sys.modules, "speech", speech)
        return facts(saying("x", speech.say))

    places = ("HERE", "HERE.parent", "HERE / 'words.txt'", "str(HERE.parent / 'words')")
    outside = [f"Path({str(tmp_path / name / 'words')!r})" for name in ("v1", "v2")]
    assert len({said("a", place) for place in (*places, *outside)}) == 6
    before = [said("a", place) for place in (*places, *outside)]
    assert [said("b", place) for place in places] == before[:4]
    (tmp_path / "a" / "lib" / "words.txt").write_text("it may be what a run writes")
    (tmp_path / "a" / "words").mkdir()
    assert [said("a", place) for place in (*places, *outside)] == before


def several() -> Any:
    """Return a solver whose sets are of things that another process comes by in another order."""
    first, second = Words("one"), Words("two")

    class Word:
        def __init__(self, text: str) -> None:
            self.text = text

        def __hash__(self) -> int:
            return hash(self.text)

    words = {Word(f"word {number}") for number in range(9)}
    code = "lambda said: said in {'alpha', 'beta', 'gamma', 'delta'} or said in (('a', frozenset()), 'b')"
    return saying([words, {lambda: first, lambda: second}, first], eval(code))


TOLD = """
import json, sys
sys.path.insert(0, {folder!r})
from test_inspect_captured import HAVING, facts, several
print(json.dumps([*(facts(make("Be brief.")) for make in HAVING.values()), facts(several())]))
"""


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_another_process_has_the_same_facts(seed):
    code = TOLD.format(folder=str(Path(__file__).parent))
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    assert json.loads(said) == [*(facts(make("Be brief.")) for make in HAVING.values()), facts(several())]
