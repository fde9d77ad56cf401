"""A dataset read once from beginning to end, and all that is wrong with it, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from motools.datasets.findings import Finding, Severity
from motools.datasets.rules.whole import Matches, Summary
from motools.datasets.sameness import Seen, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from motools.datasets.formats import Format

MOST_FINDINGS = 1000
"""How many errors are collected before reading stops; of warnings, how many are kept while it goes on."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found in a dataset, and how much there is of it."""

    name: str
    """What messages call the dataset."""
    records: int
    """How many were read, those that are none included."""
    size: int
    """In bytes."""
    errors: tuple[Finding, ...]
    """What forbids training, in the order of the file; what concerns the whole of it comes last."""
    warnings: tuple[Finding, ...]
    seen: Seen = field(repr=False, compare=False)
    """The records, to compare those of a validation set with."""


class Examination:
    """One reading of a dataset by the rules of a format.

    Memory does not grow with the dataset, but for a digest of each different record, of which there is a limit.
    """

    def __init__(self, name: str, size: int, form: Format, trained_on: Report | None) -> None:
        self._name, self._size, self._form, self._trained_on = name, size, form, trained_on
        self._records = 0
        self._errors: list[Finding] = []
        self._warnings: list[Finding] = []
        self._is_full = False
        self._unkept = 0
        self._seen = Seen()
        self._repeats, self._shared = Matches(), Matches()

    def read(self, lines: Iterable[tuple[int | None, dict[str, Any] | str]]) -> Report:
        """Read lines with a record each, or a sentence about what stands there instead; no line is one about it all."""
        for line, record in lines:
            self._records += line is not None
            if isinstance(record, str):
                self._refuse(record, line)
            else:
                self._try_record(record, line or 0)
            if self._is_full or line is None:
                break
        else:
            self._judge_the_whole()
        return self._report()

    def _try_record(self, record: Mapping[str, Any], line: int) -> None:
        try:
            self._read_record(record, line)
        except RecursionError:  # what could just be decoded may be too deep to be looked through
            self._refuse("is nested too deeply to be read.", line)

    def _read_record(self, record: Mapping[str, Any], line: int) -> None:
        for rule in self._form.rules:
            for sentence in rule(record):
                self._refuse(sentence, line)
        for rule in self._form.advice:
            for sentence in rule(record):
                self._warn(sentence, line)
        if self._form.whole or self._form.whole_advice:
            self._compare(record, line)

    def _compare(self, record: Mapping[str, Any], line: int) -> None:
        digest = digest_of(record)
        if (earlier := self._seen.first(digest, line)) is not None:
            self._repeats.add(line, earlier)
        if self._trained_on and (there := self._trained_on.seen.line_of(digest)) is not None:
            self._shared.add(line, there)

    def _judge_the_whole(self) -> None:
        if not self._records:
            self._refuse("is empty; a dataset has at least one record.", None)
        summary = Summary(
            records=self._records,
            size=self._size,
            repeats=self._repeats,
            shared=self._shared,
            trained_on=None if self._trained_on is None else self._trained_on.name,
            compared_until=self._seen.full_at,
        )
        for rule in self._form.whole:
            for line, sentence in rule(summary):
                self._refuse(sentence, line)
        for rule in self._form.whole_advice:
            for line, sentence in rule(summary):
                self._warn(sentence, line)

    def _refuse(self, sentence: str, line: int | None) -> None:
        if len(self._errors) < MOST_FINDINGS:
            self._errors.append(Finding(file=self._name, line=line, message=sentence))
        elif not self._is_full:
            self._is_full = True
            last = f"has more than {MOST_FINDINGS} findings; the rest was not looked at."
            self._errors.append(Finding(file=self._name, line=None, message=last))

    def _warn(self, sentence: str, line: int | None) -> None:
        if len(self._warnings) < MOST_FINDINGS:
            self._warnings.append(Finding(file=self._name, line=line, message=sentence, severity=Severity.WARNING))
        else:
            self._unkept += 1

    def _report(self) -> Report:
        if self._unkept:
            more = f"has {self._unkept:,} more warnings; the first {MOST_FINDINGS:,} are listed."
            self._warnings.append(Finding(file=self._name, line=None, message=more, severity=Severity.WARNING))
        return Report(
            name=self._name,
            records=self._records,
            size=self._size,
            errors=tuple(self._errors),
            warnings=tuple(self._warnings),
            seen=self._seen,
        )


__all__ = ["MOST_FINDINGS", "Examination", "Report"]
