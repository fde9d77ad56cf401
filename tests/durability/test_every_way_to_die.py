"""Whatever step a process ends at, and however it ends: asked again, the work is paid for once and its result is right."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from failpoints import WAYS

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SUBMIT = ["before upload", "after upload", "before submitting", "after submitting", "before submit", "after submit"]
RECORD = ["before submitted", "after submitted", "after paying", "before note the handle", "after note the handle"]
RESULT = ["before poll", "after poll", "before succeeded", "after succeeded"]
FIND = ["before find", "after find", "before uncertain", "after uncertain"]
POINTS = {
    "fresh": ["before claim", "after claim", *SUBMIT, *RECORD, *RESULT],
    "paid, unanswered": ["before claim", "after claim", *FIND, "before found", "after found", *RESULT],
    "unpaid": [
        *("before claim", "after claim", *FIND, "before absent", "after absent", "before intent", "after intent"),
        *(*SUBMIT, *RECORD, *RESULT),
    ],
}
"""The points of a life in which nothing happens: a new step of the cache has to be named here, and dies too."""


async def lives(place, service, policy):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "dying.py"), str(place), service.url, policy), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    bill = await service.bill()
    return [{**json.loads(line), "paid": bill[json.loads(line)["work"]]} for line in out.decode().splitlines()]


async def test_death_at_any_step_in_any_way_costs_nothing_and_loses_nothing(place, service):
    cases = await lives(place, service, "motools")
    clean = [case for case in cases if case["at"] is None]
    assert {case["before"]: set(case["first"]["passed"]) for case in clean} == {
        before: set(points) for before, points in POINTS.items()
    }
    assert {(case["before"], case["at"], case["way"]) for case in cases if case["at"]} == {
        (before, point, way) for before, points in POINTS.items() for point in points for way in WAYS
    }
    assert [case for case in cases if case["at"] and not case["first"]["reached"]] == []
    assert [case for case in cases if case["paid"] != 1] == []
    wrong = [case for case in cases if not str(case["last"]["model"]).startswith(f"model:{case['work']}:")]
    assert wrong == []


@pytest.mark.parametrize("policy", ["Remembering", "Locking", "Intending"])
async def test_the_same_deaths_make_a_naive_policy_pay_twice(place, service, policy):
    cases = await lives(place, service, policy)
    twice = {case["at"] for case in cases if case["paid"] > 1}
    assert "after submit" in twice
    assert [case for case in cases if case["at"] and not case["first"]["reached"]] == []
