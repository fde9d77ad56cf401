"""`motools validate`: whether training data can be trained on, before anything is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from motools.cli.lazy import about
from motools.cli.output import put, put_json, say
from motools.errors import DatasetError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from motools.datasets import Dataset, Finding, Format, Report

SHOWN = DatasetError.SHOWN
"""How many errors, and how many warnings, are printed without `--json`."""


@click.command("validate")
@click.argument("data")
@click.option("-b", "--backend", metavar="NAME", help="Ask what this backend asks; without it, what all of them do.")
@click.option("--format", "name", metavar="FORMAT", help="chat, dpo, rft, or another that the backend takes.")
@click.option("--validation", metavar="FILE", help="A validation set that belongs to DATA: it must be held out of it.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object, with all findings.")
def validate_command(
    *, data: str, backend: str | None, name: str | None, validation: str | None, as_json: bool
) -> None:
    """Read DATA, a JSON Lines file to train on, and say what is wrong with it, by line.

    Errors come first, then warnings: what looks wrong and can be trained on. The exit status is 0 where there is no error,
    2 where there is one. No key is needed, and nothing is sent. `motools train` asks the same before it submits anything.

    JSON fields: backend, format, datasets (a list of {name, records, bytes}), errors and warnings (lists of {file, line,
    message}; the line is null where none is to blame; of each at most a thousand and what says so).
    """
    from motools.datasets import Dataset

    formats = _formats(backend)
    form = _chosen(formats, name, backend)
    dataset = Dataset(data)
    reports = [dataset.examine(form)]
    if validation is not None:
        reports.append(Dataset(validation).examine(form, trained_on=reports[0]))
    errors = [finding for report in reports for finding in report.errors]
    warnings = [finding for report in reports for finding in report.warnings]
    if as_json:
        put_json(_as_dict(backend, form, reports, errors, warnings))
    else:
        for line in [*_listed(errors, "error"), *_listed(warnings, "warning")]:
            put(line)
        say(_summary(backend, form, reports, len(errors), len(warnings)))
        if errors and name is None and (other := _fitting(dataset, formats, form)):
            say(f"The first record looks like the format {other!r}: --format {other}")
    if errors:
        raise click.exceptions.Exit(DatasetError.exit_status)


def _formats(backend: str | None) -> Mapping[str, Format]:
    from motools.datasets import FORMATS

    if backend is None:
        return FORMATS
    from motools.cli.waiting import finish  # it brings asyncio

    about(f"backend {backend!r}")
    return finish(_formats_of(backend), lambda: "Interrupted.")


async def _formats_of(backend: str) -> Mapping[str, Format]:
    from motools.plugins.registry import get_training_backend

    made = get_training_backend(backend, cache=None)
    try:
        return made.formats()
    finally:
        await made.aclose()


def _chosen(formats: Mapping[str, Format], name: str | None, backend: str | None) -> Format:
    if name is None:
        return next(iter(formats.values()))
    if name in formats:
        return formats[name]
    near = nearest(name, list(formats))
    meant = f" Did you mean {near!r}?" if near else ""
    whose = f" of {backend!r}" if backend else ""
    raise UsageError(f"There is no format {name!r}{whose}.{meant} Known: {', '.join(formats)}.")


def _listed(findings: Sequence[Finding], what: str) -> Iterator[str]:
    for finding in findings[:SHOWN]:
        yield f"{finding.place}: {what}: {finding.message}"
    if (rest := len(findings) - SHOWN) > 0:
        yield f"… and {_counted(rest, f'more {what}')}: --json lists them."


def _summary(backend: str | None, form: Format, reports: Sequence[Report], errors: int, warnings: int) -> str:
    said = ", ".join(f"{report.name}: {_counted(report.records, 'record')}" for report in reports)
    whose = f" of {backend}" if backend else ""
    return f"{said}. {_counted(errors, 'error')}, {_counted(warnings, 'warning')} by the format {form.name}{whose}."


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _fitting(dataset: Dataset, formats: Mapping[str, Format], form: Format) -> str | None:
    """Return the name of another format that the first record fits."""
    try:
        first = next(dataset.records(), None)
    except DatasetError:
        return None
    for name, other in formats.items():
        if first is not None and other != form and not any(True for rule in other.rules for _ in rule(first)):
            return name
    return None


def _as_dict(
    backend: str | None,
    form: Format,
    reports: Sequence[Report],
    errors: Sequence[Finding],
    warnings: Sequence[Finding],
) -> dict[str, Any]:
    def rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
        return [{"file": each.file, "line": each.line, "message": each.message} for each in findings]

    return {
        "backend": backend,
        "format": form.name,
        "datasets": [{"name": each.name, "records": each.records, "bytes": each.size} for each in reports],
        "errors": rows(errors),
        "warnings": rows(warnings),
    }


__all__ = ["validate_command"]
