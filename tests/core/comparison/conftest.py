"""Evaluations to compare, made of nothing but their scores."""

from __future__ import annotations

import pytest

from motools import EvalResults


def made(model_id, scores, *, task="hello", scorer="match", **more):
    """Return results with a sample for each score: a list (ids from 1), {id: score} or {(id, epoch): score}.

    `more` are further fields of samples, each a function of the id.
    """
    by_place = scores if isinstance(scores, dict) else dict(enumerate(scores, start=1))
    samples = []
    for place, score in by_place.items():
        number, epoch = place if isinstance(place, tuple) else (place, 1)
        fields = {name: of(number) for name, of in more.items()}
        samples.append({"id": number, "epoch": epoch, "task": task, "scores": {scorer: score}, **fields})
    return EvalResults(model_id=model_id, metrics={task: {scorer: {"mean": 0.5}}}, samples=samples)


@pytest.fixture
def evaluated():
    return made
