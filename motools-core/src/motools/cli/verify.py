"""`motools cache verify`: whether all that is recorded is what was written, and makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from motools.cli.output import put, put_json, say
from motools.cli.records import open_sqlite
from motools.cli.waiting import finish
from motools.status import Capability

if TYPE_CHECKING:
    from motools.cache.base import Record
    from motools.cache.checking import Checked, Finding
    from motools.cache.sqlite import SqliteLedger


@click.command("verify")
@click.option("--data", multiple=True, metavar="PATH", help="Read this dataset again, and compare its digest.")
@click.option("--models", is_flag=True, help="Ask the backends whether the trained models are still there.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def verify_command(*, data: tuple[str, ...], models: bool, as_json: bool) -> None:
    """Check all that is recorded, and name what is wrong.

    The database as SQLite sees it, the seal of every record, that each key is that of its request, and that what is
    under way can be followed here. The exit status is 1 if something is wrong. Nothing is repaired.

    JSON fields: path, records (how many were checked) and findings (a list of {where, what}).
    """
    ledger = open_sqlite()
    checked = finish(_checked(ledger, data, asks_models=models), lambda: "Interrupted.")
    if as_json:
        findings = [{"where": each.where, "what": each.what} for each in checked.findings]
        put_json({"path": str(ledger.path), "records": checked.records, "findings": findings})
    else:
        for each in checked.findings:
            put(f"{each.where}: {each.what}")
        count = len(checked.findings)
        wrong = "nothing is wrong" if not count else f"{count} thing{'' if count == 1 else 's'} wrong"
        say(f"{ledger.path}: {checked.records} record{'' if checked.records == 1 else 's'} checked, {wrong}.")
    if checked.findings:
        raise click.exceptions.Exit(1)


async def _checked(ledger: SqliteLedger, data: tuple[str, ...], *, asks_models: bool) -> Checked:
    from motools.cache.checking import Checked, check, check_digest

    checked = await check(ledger, _class_of)
    more = [finding for path in data if (finding := await check_digest(path, ledger)) is not None]
    if asks_models:
        more += await _missing(ledger)
    return Checked(records=checked.records, findings=[*checked.findings, *more])


def _class_of(record: Record) -> type[Any]:
    from motools.plugins.saved import own_class

    return own_class({"backend": record.backend, "handle_class": record.handle_class}, record.kind)


async def _missing(ledger: SqliteLedger) -> list[Finding]:
    """Return the trained models that are gone, and those whose backend could not be asked."""
    from motools.cache.checking import Finding
    from motools.cache.missing import how_to_train_again, is_there
    from motools.cache.redact import in_words
    from motools.plugins.owner import backend_of

    findings, silent = [], set()
    for record in await ledger.records(kind="training", state="succeeded"):
        try:
            backend = backend_of(record)
            if Capability.MODELS not in backend.capabilities:
                silent.add(record.backend)
            elif not await is_there(record, ledger, backend):
                what = f"the model {record.model_id!r} is gone. {how_to_train_again(record)}"
                findings.append(Finding(where=record.key, what=what))
            await backend.aclose()
        except Exception as error:  # noqa: BLE001 (whatever a plugin raises is told, and the next one is asked)
            findings.append(Finding(where=record.key, what=f"its backend could not be asked: {in_words(error)}"))
    for name in sorted(silent):
        say(f"The backend {name!r} cannot tell whether its models are still there (it does not declare MODELS).")
    return findings


__all__ = ["verify_command"]
