"""Models side by side on the same samples: who differs, by how much, and how sure that is. Behind `motools.compare`.

    subjects       what can be compared: results, jobs, names and files
    reading        the samples of an evaluation, and the scores by which they are compared
    values         what a score says, as numbers
    pairing        the scores of two models on the same samples
    clusters       means whose scores are not all independent
    intervals      Wilson, Student, Newcombe
    significance   McNemar, the paired bootstrap, Holm
    effects        Cohen's h and d
    rows notes     all that put together, and what should be known besides
    report         the values that come of it
    text picture   for people
    extra          what is said where scipy or matplotlib is missing

`docs/compare.md` says which interval and which test is used when. numpy, scipy and matplotlib come with the extra
`motools-core[compare]` and are imported by the first comparison.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from motools.comparison.extra import needing
from motools.comparison.report import Comparison
from motools.comparison.subjects import subjects
from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from motools.comparison.subjects import Comparable, Subject

CONFIDENCE = 0.95
CLUSTER = "cluster"


async def compare(
    evaluations: Sequence[Comparable] | Mapping[str, Comparable],
    *,
    baseline: Comparable | None = None,
    by: Collection[str] = (),
    tasks: Collection[str] = (),
    confidence: float = CONFIDENCE,
    cluster: str = CLUSTER,
) -> Comparison:
    """Compare evaluations on the samples that they have in common, each with the baseline.

    An evaluation is its `EvalResults`, its job, its key, job id or label in `motools runs`, or a file of saved results or
    of a saved job. A mapping gives them names; without, they have their labels, else their model ids. The baseline is the
    first one, or `baseline`: a name in the mapping, or another evaluation.

    Samples are paired by task, id and epoch. `by` narrows the comparison to scorers (or `SCORER/KEY`), `tasks` to tasks.
    `cluster` is the key, of a sample or of its metadata, that names the group whose scores are not independent.

    Raises `UsageError` for what cannot be compared, and where scipy is missing.
    """
    if isinstance(evaluations, (str, bytes)):
        raise UsageError("compare takes a list of evaluations, or a mapping of names to evaluations, not one text.")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is a share between 0 and 1, such as 0.95, not {confidence!r}.")
    with needing("A comparison"):
        from motools.comparison import rows as _rows  # noqa: F401  (before anything is read: nobody waits to hear what is missing)
    found = await subjects(evaluations, baseline)
    return await asyncio.to_thread(_compared, found, by=by, tasks=tasks, confidence=confidence, cluster=cluster)


def _compared(
    found: Sequence[Subject], *, by: Collection[str], tasks: Collection[str], confidence: float, cluster: str
) -> Comparison:
    from motools.comparison.reading import read
    from motools.comparison.rows import compared

    models = [read(each.name, each.results, cluster=cluster) for each in found]
    return compared(models, by=by, tasks=tasks, confidence=confidence)


__all__ = ["CLUSTER", "CONFIDENCE", "Comparison", "compare"]
