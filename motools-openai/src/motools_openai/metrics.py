"""What was measured while a job trained, as rows.

After the end the service has a file with one row a step (CSV, sometimes coded in base64); before that, and where there is
none, the events tell. The names are those of `TrainingRun.metrics`, and the service's own where there is no such name.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMES = {
    "train_loss": "loss",
    "train_accuracy": "accuracy",
    "train_mean_token_accuracy": "accuracy",
    "valid_loss": "validation_loss",
    "valid_accuracy": "validation_accuracy",
    "valid_mean_token_accuracy": "validation_accuracy",
}


def rows_of(measured: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a step, in the order of steps, of what was measured in pieces; later pieces add to a row."""
    rows: dict[int, dict[str, Any]] = {}
    for piece in measured:
        row = named(piece)
        if isinstance(row.get("step"), int):
            rows.setdefault(row["step"], {}).update(row)
    return [rows[step] for step in sorted(rows)]


def named(piece: Mapping[str, Any]) -> dict[str, Any]:
    """Return a piece under the names of motools: the step first, nothing that was not measured, `total_steps` left out."""
    step = piece.get("step")
    row: dict[str, Any] = {} if not isinstance(step, (int, float)) else {"step": int(step)}
    for name, value in piece.items():
        if name not in {"step", "total_steps"} and value is not None and value != "":
            row[NAMES.get(name, name)] = value
    return row


def rows_of_file(content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a result file, whose numbers are numbers. One that cannot be read has none."""
    text = _text(content)
    return rows_of(
        {name: _number(value) for name, value in line.items() if name} for line in csv.DictReader(io.StringIO(text))
    )


def _text(content: bytes) -> str:
    """Return the text of a CSV file that may have been coded in base64."""
    if not content.lstrip().lower().startswith(b"step"):
        try:
            content = base64.b64decode(content, validate=False)
        except (binascii.Error, ValueError):
            return ""
    return content.decode("utf-8-sig", errors="replace")


def _number(value: object) -> Any:
    """Return a number where a cell holds one, None where it is empty."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() and "." not in value and "e" not in value.lower() else number


def progress_numbers(piece: Mapping[str, Any]) -> tuple[int, int | None, float | None]:
    """Return step, total and loss of what was measured last."""
    total, loss = piece.get("total_steps"), piece.get("train_loss")
    return (
        int(piece["step"]),
        int(total) if isinstance(total, (int, float)) else None,
        float(loss) if isinstance(loss, (int, float)) else None,
    )


__all__ = ["NAMES", "named", "progress_numbers", "rows_of", "rows_of_file"]
