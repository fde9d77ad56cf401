"""`motools cache why`: what differs between a request and the nearest one that is recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from motools.cli.adopt import cache_layer
from motools.cli.assignments import RULE, assignments
from motools.cli.output import put, put_json, table, when
from motools.cli.records import as_dict, open_ledger, short, the_one
from motools.cli.requests import check_keywords
from motools.cli.waiting import finish
from motools.errors import UsageError

if TYPE_CHECKING:
    from motools.cache.base import Draft, Record
    from motools.cache.why import Explanation

LONGEST = 60
"""Characters of a value that the table shows."""
FEW = 3
"""How many of the records with a dataset are named."""


@click.command("why", epilog=RULE)
@click.argument("words", nargs=-1, required=True, metavar="KEY | DATA | MODEL_ID TASK...")
@click.option("-b", "--backend", metavar="NAME", help="Explain a request to this backend, instead of a record.")
@click.option("--model", metavar="M", help="The base model of the training with DATA.")
@assignments("-p", "--hyperparameter", "settings", help_text="A hyperparameter, or a keyword of an evaluation.")
@assignments("-k", "--keyword", "keywords", help_text="A further keyword of a training.")
@click.option("--suffix", metavar="TEXT", help="The suffix of the training.")
@click.option("--replicate", type=click.IntRange(min=0), default=0, metavar="N", help="Draw N of the request.")
@assignments("-o", "--option", "options", help_text="An option of the backend.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def why_command(*, words: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Say whether a request is a hit, and what differs from the nearest one that is recorded.

    Without -b, KEY is a record, which is compared with its nearest neighbour. With -b it is a request in the words of
    `motools train` (DATA --model M) or `motools eval` (MODEL_ID TASK...). Nothing is submitted.

    JSON fields: key, recorded and nearest (those of `motools runs --json`, or null), differences (a list of {path,
    request, record, absent}, heaviest first; absent is null, "request" or "record") and datasets ({digest: [keys]}).
    """

    async def work() -> Explanation:
        from motools.cache.why import explain

        ledger = open_ledger()
        return await explain(await _asked(words, **given), ledger)

    explanation = finish(work(), lambda: "Interrupted.")
    if as_json:
        put_json(_as_dict(explanation))
    else:
        put(_told(explanation, is_request=given["backend"] is not None))


async def _asked(
    words: tuple[str, ...],
    *,
    backend: str | None,
    model: str | None,
    settings: dict[str, Any],
    keywords: dict[str, Any],
    suffix: str | None,
    replicate: int,
    options: dict[str, Any],
) -> Draft:
    """Return the record or the request that the words mean."""
    from motools.plugins.registry import get_backend

    if backend is None:
        if len(words) > 1 or model or settings or keywords or suffix or replicate or options:
            raise UsageError("A request needs its backend: -b NAME. Without it, give the KEY of one record.")
        return await the_one(open_ledger(), words[0])
    if model is None and len(words) == 1:
        raise UsageError("Of a training give DATA and --model M; of an evaluation MODEL_ID TASK...")
    if model is not None and len(words) > 1:
        raise UsageError("A training has one DATA; an evaluation has MODEL_ID TASK... and no --model.")
    if model is None and (suffix is not None or keywords):
        raise UsageError("--suffix and -k are of a training; an evaluation has its keywords with -p.")
    check_keywords(keywords)
    made = get_backend(backend, kind="eval" if model is None else "training", **options)
    try:
        layer = cache_layer(made)
        if model is not None:
            draft = await layer.draft(words[0], model, settings or None, suffix, replicate=replicate, **keywords)
        else:
            suite = words[1] if len(words) == 2 else list(words[1:])  # noqa: PLR2004  (the model and one task)
            draft = await layer.draft(words[0], suite, replicate=replicate, **settings)
    finally:
        await made.aclose()
    request: Draft = draft
    return request


def _told(explanation: Explanation, *, is_request: bool) -> str:
    nearest, whose = explanation.nearest, "THIS REQUEST" if is_request else short(explanation.key)
    said = [_standing(explanation, is_request=is_request)]
    if nearest is None:
        said.append("There is no other record of this kind to compare it with.")
        return "\n".join(said)
    found = explanation.differences
    count = len(found)
    said.append(
        f"The nearest {'' if explanation.recorded is None else 'other '}record is {_named(nearest)}. "
        f"It differs in {count} place{'' if count == 1 else 's'}:"
    )
    rows = [(each.path, *(_shown(side, each.path) for side in (each.request, each.record))) for each in found]
    said += ["", table(("WHERE", whose, short(nearest.key)), rows)]
    for digest, records in explanation.datasets.items():
        named = ", ".join(_named(record) for record in records[:FEW]) or "no other record"
        more = f" and {len(records) - FEW} more" if len(records) > FEW else ""
        said += ["", f"dataset {digest[:12]}… is that of {named}{more}."]
    return "\n".join(said)


def _standing(explanation: Explanation, *, is_request: bool) -> str:
    record = explanation.recorded
    if record is None:
        return f"No record answers this request ({short(explanation.key)})."
    if not is_request:
        return f"{_named(record)}."
    means = "succeeded" if str(record.state) == "succeeded" else "live" if record.state.is_live else str(record.state)
    answers = {
        "succeeded": "it is a hit",
        "live": "whoever asks attaches to it",
        "failed": "it is shown, and tried again with --retry-failed",
        "cancelled": "the same request begins again",
    }
    return f"This request is recorded as {_named(record)}: {answers.get(means, 'the same request takes it up')}."


def _named(record: Record) -> str:
    label = f" {record.label!r}" if record.label else ""
    return f"{short(record.key)}{label} ({record.state}, {when(record.updated_at)})"


def _shown(value: Any, path: str) -> str:
    from motools.cache.why import ABSENT

    if path == "dataset":
        return f"{value[:12]}…"
    text = repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _as_dict(explanation: Explanation) -> dict[str, Any]:
    from motools.cache.why import ABSENT

    def side(value: Any) -> Any:
        return None if value is ABSENT else value

    rows = [
        {
            "path": each.path,
            "request": side(each.request),
            "record": side(each.record),
            "absent": "request" if each.request is ABSENT else "record" if each.record is ABSENT else None,
        }
        for each in explanation.differences
    ]
    return {
        "key": explanation.key,
        "recorded": explanation.recorded and as_dict(explanation.recorded),
        "nearest": explanation.nearest and as_dict(explanation.nearest),
        "differences": rows,
        "datasets": {digest: [each.key for each in found] for digest, found in explanation.datasets.items()},
    }


__all__ = ["why_command"]
