# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of a training backend that says what its runs cost."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from motools.datasets import Dataset
from motools.errors import UsageError
from motools.status import Capability
from motools.testing.backends import BackendContract
from motools.testing.contract import raised
from motools.training.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sized
    from pathlib import Path


class EstimatesContract(BackendContract):
    """Part of `TrainingBackendContract`, for backends that declare `Capability.ESTIMATE`."""

    model: ClassVar[str]
    hyperparameters: ClassVar[Mapping[str, Any] | None]

    @pytest.fixture
    def doubled(self, dataset: Path, tmp_path: Path) -> Path:
        """Return the standard dataset twice over."""
        path = tmp_path / "doubled.jsonl"
        path.write_bytes(2 * dataset.read_bytes())
        return path

    async def test_an_estimate_is_plain_and_says_what_it_rests_on(self, backend: Any, dataset: Path) -> None:
        self.needs(backend, Capability.ESTIMATE, "what a run costs")
        estimate = await backend.estimate(dataset, self.model, self.hyperparameters, "suffix")
        assert isinstance(estimate, Estimate)
        assert Estimate.from_dict(json.loads(json.dumps(estimate.as_dict(), allow_nan=False))) == estimate
        for number in (estimate.tokens, estimate.cost, estimate.examples, estimate.epochs):
            assert number is None or (math.isfinite(number) and number >= 0)
        assert estimate.assumptions
        assert all(sentence.strip() for sentence in estimate.assumptions)

    async def test_more_data_costs_more(self, backend: Any, dataset: Path, doubled: Path) -> None:
        self.needs(backend, Capability.ESTIMATE, "whether what a run costs grows with its data")
        less = await backend.estimate(dataset, self.model, self.hyperparameters)
        more = await backend.estimate(doubled, self.model, self.hyperparameters)
        assert (less.cost is None) is (more.cost is None)
        if less.tokens is None:
            self.not_tested("tokens", "whether what a run costs grows with its data")
        assert more.tokens > less.tokens > 0
        assert less.cost is None or more.cost >= less.cost

    async def test_an_estimate_is_the_same_in_whatever_form_the_data_are(self, backend: Any, dataset: Path) -> None:
        self.needs(backend, Capability.ESTIMATE, "in which forms data can be estimated")
        forms = (dataset, str(dataset), Dataset(dataset), list(Dataset(dataset)))
        found = [await backend.estimate(form, self.model, self.hyperparameters) for form in forms]
        assert {estimate.examples for estimate in found} == {found[0].examples}
        assert {estimate.epochs for estimate in found} == {found[0].epochs}

    async def test_what_cannot_be_read_has_no_estimate(self, backend: Any, tmp_path: Path) -> None:
        self.needs(backend, Capability.ESTIMATE, "what an estimate of a missing dataset raises")
        await raised(UsageError, backend.estimate(tmp_path / "missing.jsonl", self.model, self.hyperparameters))

    async def test_an_estimate_submits_and_uploads_nothing(
        self, backend: Any, dataset: Path, request: pytest.FixtureRequest
    ) -> None:
        self.needs(backend, Capability.ESTIMATE, "whether an estimate submits or uploads anything")
        bill: Callable[[], Sized] = request.getfixturevalue("bill")
        before = len(bill())
        await backend.estimate(dataset, self.model, self.hyperparameters)
        assert len(bill()) == before


__all__ = ["EstimatesContract"]
