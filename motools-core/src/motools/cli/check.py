"""`motools plugin check`: whether an installed plugin keeps what plugins must keep."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from motools.cli.output import put, put_json, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from motools.plugins.listing import PluginInfo
    from motools.plugins.rules import Finding
    from motools.testing.proving import Proof

LIMIT = 300.0
"""Seconds that a contract may take."""


@click.command("check")
@click.argument("name")
@click.option("--tests", metavar="TESTS", help="The contract tests of its author: a file, a directory or a module.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=LIMIT,
    show_default=True,
    help="Seconds that a contract may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check_command(*, name: str, tests: str | None, timeout: float, as_json: bool) -> None:
    """Prove the installed plugin NAME, or all those of the distribution NAME, and report.

    Each is imported and made in a process of its own, and held to the rules that every plugin keeps; each rule that is
    broken is told with what to do. Then the contract of its kind is run, in a process of its own as well (this needs
    motools-core[testing]): with the tests of its author, where --tests says where they are, else as far as that goes
    without giving its service any work. What was not tested is told, and why. Problems make the exit status 1; a name
    that nothing has, or a path of --tests to nothing, makes it 2.

    JSON fields: name, problems (their number), plugins (name, kind, distribution, version, status, seconds, notes, and
    findings: a list of {rule, level, what, remedy}; the level is problem or advice) and contracts (suite, plugin, passed,
    failed: a list of {test, what}, not_tested: a list of {test, reason}, trouble: why it did not end, or null).
    """
    from motools.cli.waiting import finish
    from motools.plugins.hygiene import plugins_called

    plugins = plugins_called(name)
    findings, proofs = finish(_checked(plugins, tests, timeout), lambda: "Interrupted.")
    problems = sum(finding.is_problem for each in findings for finding in each) + sum(
        proof.problems for proof in proofs
    )
    if as_json:
        rows = [_as_dict(info, found) for info, found in zip(plugins, findings, strict=True)]
        contracts = [proof.as_dict() for proof in proofs]
        put_json({"name": name, "problems": problems, "plugins": rows, "contracts": contracts})
    else:
        put("\n".join([*_told(plugins, findings), *_told_of_contracts(proofs)]))
        say(_summary(problems, is_whole=not any(proof.not_tested for proof in proofs)))
    if problems:
        raise click.exceptions.Exit(1)


async def _checked(
    plugins: Sequence[PluginInfo], tests: str | None, seconds: float
) -> tuple[list[list[Finding]], list[Proof]]:
    from motools.plugins.checking import SECONDS
    from motools.plugins.hygiene import examined
    from motools.testing.proving import place_of, proven

    if tests is not None:
        place_of(tests)
    findings = await examined(plugins, seconds=min(seconds, SECONDS))
    return findings, await proven(plugins, tests, seconds=seconds)


def _as_dict(info: PluginInfo, findings: Sequence[Finding]) -> dict[str, object]:
    fields: dict[str, object] = {
        name: getattr(info, name) for name in ("name", "kind", "distribution", "version", "status")
    }
    check = info.check
    return fields | {
        "seconds": check and check.seconds,
        "notes": list(check.notes) if check else [],
        "findings": [finding.as_dict() for finding in findings],
    }


def _told(plugins: Sequence[PluginInfo], findings: Sequence[Sequence[Finding]]) -> Iterator[str]:
    for info, found in zip(plugins, findings, strict=True):
        seconds = info.check and info.check.seconds
        took = "" if seconds is None else f", imported in {seconds:.2f} s"
        yield f"{info.name}, {info.kind or 'of no known kind'}, of {info.offer.origin}{took}"
        for finding in found:
            told = finding.as_dict()
            yield f"  {told['level']:<12}{finding.what}"
            yield f"  {'':<12}-> {told['remedy']}"
        for note in info.check.notes if info.check else ():
            yield f"  {'note':<12}{note}"
        if not found:
            yield f"  {'ok':<12}it keeps the rules for every plugin"


def _told_of_contracts(proofs: Sequence[Proof]) -> Iterator[str]:
    for proof in proofs:
        what = proof.suite or ("No contract" if proof.plugin else "Other tests")
        counted = f": {proof.passed} passed" if proof.suite or not proof.plugin else ""
        yield f"{what}{f' of {proof.plugin}' if proof.plugin else ''}{counted}"
        for test, words in proof.failed:
            yield f"  {'problem':<12}{test}: {_first_line(words)}"
        if proof.trouble:
            yield f"  {'problem':<12}{proof.trouble}"
        for reason, count in Counter(reason for _, reason in proof.not_tested).items():
            yield f"  {'not tested':<12}{reason.removeprefix('not tested: ')}{f' ({count} tests)' if count > 1 else ''}"


def _summary(problems: int, *, is_whole: bool) -> str:
    if problems:
        return f"{problems} problem{'' if problems == 1 else 's'}."
    return "Nothing is wrong." if is_whole else "Nothing is wrong, as far as it was tested."


def _first_line(words: str) -> str:
    return words.partition("\n")[0]


__all__ = ["check_command"]
