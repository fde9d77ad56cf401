"""kill -9, again and again, while the service drops answers, fails after accepting, stalls and shows new jobs late."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("killing.py")


def outcome(place, **told):
    command = [sys.executable, str(SCRIPT), json.dumps({"seed": 1, "directory": str(place), **told})]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_two_hundred_kills_cost_nothing_and_lose_nothing(place):
    found = outcome(place, policy="motools", kills=200, stops=8)
    assert (found["killed"], found["stopped"]) == (200, 8)
    assert (found["undone"], found["twice"]) == (0, 0), found
    assert found["paid"] == found["works"] > 25  # how many get done between the blows is the machine's


def test_under_a_limit_a_hundred_kills_let_no_more_be_live_than_may_be(place):
    found = outcome(place, policy="motools", kills=100, stops=4, slots=2, training=0.3)
    assert (found["killed"], found["stopped"]) == (100, 4)
    assert (found["undone"], found["twice"]) == (0, 0), found
    assert found["most"] <= 2, found


def test_without_a_limit_more_are_live(place):
    assert outcome(place, policy="motools", kills=10, training=0.5)["most"] > 2


@pytest.mark.parametrize("policy", ["Remembering", "Retrying", "Locking", "Intending", "CheckingFirst"])
def test_a_naive_policy_pays_twice_under_the_same_blows(place, policy):
    found = outcome(place, policy=policy, kills=40)
    assert found["twice"] > 0, found


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(2, 42))
def test_thousands_of_kills_cost_nothing_and_lose_nothing(place, seed):
    found = outcome(place, policy="motools", kills=250, stops=12, seed=seed)
    assert (found["undone"], found["twice"], found["paid"]) == (0, 0, found["works"]), found
