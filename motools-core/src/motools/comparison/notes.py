"""What a reader of the numbers should know besides them: what was left out, and what the errors stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.comparison.pairing import asked_differently

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from motools.comparison.reading import Measure, Scored
    from motools.comparison.report import Difference

FEW_CLUSTERS = 10
"""Groups of scores below which a clustered error is itself uncertain."""


def notes(
    models: Sequence[Scored], measures: Sequence[Measure], rows: Sequence[Difference], confidence: float
) -> list[str]:
    """Return a sentence for each thing that a reader should know."""
    baseline, *others = models
    tasks = list(dict.fromkeys(measure.task for measure in measures))
    found = [
        *(note for task in tasks for other in others for note in _unpaired(baseline, other, task)),
        *(note for measure in measures for model in models for note in _unscored(model, measure)),
        *(note for measure in measures for note in _lacking(models, measure, rows)),
        *_clustering(models, rows),
        _correction(rows, confidence),
    ]
    return list(dict.fromkeys(found))


def _unpaired(baseline: Scored, other: Scored, task: str) -> Iterator[str]:
    one, two = baseline.samples.get(task, {}), other.samples.get(task, {})
    if not one or not two:
        return
    for model, rest, partner in (
        (baseline, one.keys() - two.keys(), other),
        (other, two.keys() - one.keys(), baseline),
    ):
        if rest:
            yield (
                f"{task}: {_samples(len(rest))} of {model.name} {_has(len(rest))} no partner in {partner.name}, "
                "and no part in the difference."
            )
    if count := asked_differently(baseline, other, task):
        yield (
            f"{task}: {_samples(count)} {_has(count)} another input in {other.name} than in {baseline.name}, under the "
            "same id. Are they the same samples?"
        )


def _unscored(model: Scored, measure: Measure) -> Iterator[str]:
    if measure.task not in model.samples or measure not in model.scores:
        return
    if count := model.missing(measure):
        yield f"{measure}: {_samples(count)} of {model.name} {_has(count)} no score."
    if count := model.unreadable[measure]:
        yield f"{measure}: {_samples(count)} of {model.name} {_has(count)} a score that is no number; left out."


def _lacking(models: Sequence[Scored], measure: Measure, rows: Sequence[Difference]) -> Iterator[str]:
    lack = [model.name for model in models if measure not in model.scores]
    if lack:
        yield f"{measure}: not measured of {', '.join(lack)}."
    baseline, *others = models
    compared = {row.model for row in rows if (row.task, row.scorer) == measure}
    for other in others:
        if other.name not in {*compared, *lack} and baseline.name not in lack:
            yield f"{measure}: no sample has a score of both {baseline.name} and {other.name}."


def _clustering(models: Sequence[Scored], rows: Sequence[Difference]) -> Iterator[str]:
    for row in rows:
        if row.clusters == row.pairs:
            continue
        samples = [asked for model in models for asked in model.samples.get(row.task, {}).values()]
        is_named = any(asked.cluster is not None for asked in samples)
        why = "scores of one cluster" if is_named else "epochs of one sample"
        few = f" So few groups leave them rough (fewer than {FEW_CLUSTERS})." if row.clusters < FEW_CLUSTERS else ""
        yield (
            f"{row.task}: {why} are not independent, so intervals and p stand on the {row.clusters} groups of the "
            f"{row.pairs} pairs.{few}"
        )


def _correction(rows: Sequence[Difference], confidence: float) -> str:
    each = f"Each interval holds what it is of in {100 * confidence:g} % of cases, by itself"
    if len(rows) == 1:
        return f"{each}."
    return f"{each}; p (Holm) is corrected for the {len(rows)} differences shown, the intervals are not."


def _samples(count: int) -> str:
    return "1 sample" if count == 1 else f"{count} samples"


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


__all__ = ["FEW_CLUSTERS", "notes"]
