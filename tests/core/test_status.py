"""Statuses and progress are plain values."""

from __future__ import annotations

import pickle

import pytest

from motools import Progress, RunStatus
from motools.status import TERMINAL, Capability


def test_a_status_is_its_word():
    assert RunStatus.RUNNING == "running"
    assert f"{RunStatus.FAILED}" == "failed"
    assert RunStatus("cancelled") is RunStatus.CANCELLED
    with pytest.raises(ValueError, match="'paused' is not a valid RunStatus"):
        RunStatus("paused")


@pytest.mark.parametrize("status", list(RunStatus))
def test_three_statuses_are_terminal(status):
    assert status.is_terminal == (status in {"succeeded", "failed", "cancelled"})
    assert (status in TERMINAL) == status.is_terminal


def test_a_plain_word_is_as_good_as_a_status():
    assert "succeeded" in TERMINAL
    assert "running" not in TERMINAL
    assert "find" in set(Capability)


def test_progress_is_a_value():
    progress = Progress(step=3, total=10, loss=0.5)
    assert progress == Progress(step=3, total=10, loss=0.5)
    assert hash(progress) == hash(Progress(step=3, total=10, loss=0.5))
    assert progress != Progress(step=4, total=10, loss=0.5)
    assert progress != "3/10"
    assert repr(progress) == "Progress(loss=0.5, step=3, total=10)"
    assert progress.as_dict() == {"eta_seconds": None, "loss": 0.5, "message": None, "step": 3, "total": 10}
    assert pickle.loads(pickle.dumps(progress)) == progress  # noqa: S301 (pickled on the same line)
