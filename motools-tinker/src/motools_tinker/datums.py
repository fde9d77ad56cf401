"""Examples in the words of the SDK, and the mean loss of what came back. Imports the SDK: for the driver alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinker import types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools_tinker.rendering import Example


def datum(example: Example) -> types.Datum:
    """Return an example as the service takes it: each token beside the one that is to be predicted after it."""
    tokens = list(example.tokens)
    return types.Datum(
        model_input=types.ModelInput.from_ints(tokens[:-1]),
        loss_fn_inputs={
            "target_tokens": types.TensorData(data=tokens[1:], dtype="int64"),
            "weights": types.TensorData(data=list(example.weights[1:]), dtype="float32"),
        },
    )


def total_loss(outputs: Sequence[types.ForwardBackwardOutput], datums: Sequence[types.Datum]) -> tuple[float, float]:
    """Return the negative log-likelihood of the weighted tokens, and their weights together.

    Of the log-probabilities: the service's own `metrics` hold a sum, or nothing at all.
    """
    rows = [row for output in outputs for row in output.loss_fn_outputs]
    loss = weight = 0.0
    for row, sent in zip(rows, datums, strict=True):
        weights = sent.loss_fn_inputs["weights"].to_numpy().astype("float64")
        counted = weights != 0  # nothing times minus infinity is no number
        logprobs = row["logprobs"].to_numpy().reshape(-1).astype("float64")
        loss -= float((logprobs[counted] * weights[counted]).sum())
        weight += float(weights.sum())
    return loss, weight


__all__ = ["datum", "total_loss"]
