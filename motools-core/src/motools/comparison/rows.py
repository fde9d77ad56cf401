"""From what models scored to the rows of a comparison: which measures, which interval, which test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from motools.comparison import effects, intervals, significance
from motools.comparison.clusters import standard_error
from motools.comparison.notes import notes
from motools.comparison.pairing import alone, pair
from motools.comparison.report import Comparison, Difference, Score
from motools.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from motools.comparison.clusters import Clustered
    from motools.comparison.pairing import Pairs
    from motools.comparison.reading import Measure, Scored

MCNEMAR = "exact McNemar"
BOOTSTRAP = "paired bootstrap"


def compared(models: Sequence[Scored], *, by: Collection[str], tasks: Collection[str], confidence: float) -> Comparison:
    """Return the comparison of every model with the first. Raises `UsageError` where there is nothing to compare."""
    baseline, *others = models
    for other in others:
        _check_common(baseline, other)
    measures = _measures(models, by=by, tasks=tasks)
    binary = {measure for measure in measures if _is_binary(models, measure)}
    scores = [
        estimate
        for measure in measures
        for model in models
        if (estimate := _estimate(model, measure, confidence, is_binary=measure in binary))
    ]
    found = [
        _difference((baseline, other), measure, pairs, confidence, is_binary=measure in binary)
        for measure in measures
        for other in others
        if (pairs := pair(baseline, other, measure))
    ]
    if not found:
        raise UsageError(
            f"No sample that was asked of both has two scores of one kind: {_told(baseline)}; "
            f"{'; '.join(_told(other) for other in others)}."
        )
    rows = [replace(row, p_holm=p) for row, p in zip(found, significance.holm([row.p for row in found]), strict=True)]
    return Comparison(
        models={model.name: model.model_id for model in models},
        confidence=confidence,
        scores=scores,
        rows=rows,
        notes=notes(models, measures, rows, confidence),
    )


def _check_common(baseline: Scored, other: Scored) -> None:
    """Refuse two models that were not asked one same sample."""
    common = baseline.samples.keys() & other.samples.keys()
    if not common:
        raise UsageError(
            f"{baseline.name} and {other.name} were evaluated on different tasks: "
            f"{', '.join(baseline.samples)}; {', '.join(other.samples)}."
        )
    if not any(baseline.samples[task].keys() & other.samples[task].keys() for task in common):
        task = min(common)
        ids = [next(iter(model.samples[task]))[0] for model in (baseline, other)]
        raise UsageError(
            f"{baseline.name} and {other.name} have no sample in common: their ids in {task} "
            f"are all different (such as {ids[0]!r} and {ids[1]!r})."
        )


def _told(model: Scored) -> str:
    return f"{model.name} has {', '.join(map(str, model.scores)) or 'no scores'}"


def _measures(models: Sequence[Scored], *, by: Collection[str], tasks: Collection[str]) -> list[Measure]:
    """Return what was measured of any model, by the order of the first that has it, as far as it is asked for."""
    found = list(dict.fromkeys(measure for model in models for measure in model.scores))
    _check_known(tasks, [measure.task for measure in found], "task")
    names = [name for measure in found for name in _names(measure.scorer)]
    _check_known(by, names, "scorer")
    return [
        measure
        for measure in found
        if (not tasks or measure.task in tasks) and (not by or any(name in by for name in _names(measure.scorer)))
    ]


def _names(scorer: str) -> Iterator[str]:
    """Yield what a measure is asked for by: `SCORER/KEY` as a whole, and the scorer, for all its keys."""
    parts = scorer.split("/")
    for number in range(1, len(parts) + 1):
        yield "/".join(parts[:number])


def _check_known(asked: Collection[str], known: Collection[str], what: str) -> None:
    for name in asked:
        if name not in known:
            near = nearest(name, list(known))
            meant = f" Did you mean {near!r}?" if near else ""
            there = ", ".join(dict.fromkeys(known)) or "none"
            raise UsageError(f"No {what} {name!r} was measured.{meant} There is: {there}.")


def _is_binary(models: Sequence[Scored], measure: Measure) -> bool:
    """Whether all scores of all models are 0 or 1."""
    return all(value in {0.0, 1.0} for model in models for value in model.scores.get(measure, {}).values())


def _estimate(model: Scored, measure: Measure, confidence: float, *, is_binary: bool) -> Score | None:
    scores = alone(model, measure)
    if scores is None:
        return None
    interval = intervals.of_proportion if is_binary else intervals.student
    return Score(
        task=measure.task,
        scorer=measure.scorer,
        model=model.name,
        samples=scores.size,
        clusters=scores.clusters,
        score=scores.mean,
        stderr=_error(scores),
        interval=interval(scores, confidence),
        missing=model.missing(measure),
        unreadable=model.unreadable[measure],
    )


def _error(scores: Clustered) -> float | None:
    error = standard_error(scores)
    return None if np.isnan(error) else error


def _difference(
    models: tuple[Scored, Scored], measure: Measure, pairs: Pairs, confidence: float, *, is_binary: bool
) -> Difference:
    differences, first, second = pairs.differences, pairs.first, pairs.second
    higher, lower = int((differences.scores > 0).sum()), int((differences.scores < 0).sum())
    is_mcnemar = is_binary and differences.is_independent
    p = significance.mcnemar(lower, higher) if is_mcnemar else significance.paired_bootstrap(differences)
    return Difference(
        task=measure.task,
        scorer=measure.scorer,
        baseline=models[0].name,
        model=models[1].name,
        pairs=first.size,
        clusters=first.clusters,
        baseline_score=first.mean,
        score=second.mean,
        difference=second.mean - first.mean,
        stderr=_error(differences),
        interval=(
            intervals.newcombe(first, second, confidence) if is_binary else intervals.student(differences, confidence)
        ),
        test=MCNEMAR if is_mcnemar else BOOTSTRAP,
        p=p,
        p_holm=p,
        effect=effects.cohens_h(first.mean, second.mean) if is_binary else effects.cohens_d(differences),
        effect_size="Cohen's h" if is_binary else "Cohen's d",
        higher=higher,
        lower=lower,
        unpaired_baseline=pairs.unpaired_first,
        unpaired_model=pairs.unpaired_second,
        missing=pairs.missing,
    )


__all__ = ["BOOTSTRAP", "MCNEMAR", "compared"]
