"""What evaluations have read while they ran, as no key can know beforehand: prompts that a solver opens, modules it imports late.

    MOTOOLS_HOME/resolved/inspect/read/DIGEST.jsonl     [name, way, identity, digest] a line, by the digest of what was measured

A run writes down what it has read, and from then on the same request looks at those files. What has changed in them is part
of its key, as the field `read`, and under that key another run may have read more: so it goes on until nothing is another.
Of a file that changed while it was in use a line `[name, null, period, null]` says so, in the first of these places: its digest
has the number of such lines with it, so that the key of that run is not met again. A file that has changed in several runs, one
after the other, which began other programs is one that these make, and is left out. Names lead from the folder of the task where they can.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.cache.keys import canonical
from motools.config import home
from motools_inspect.depends import as_it_is, digest_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from motools_inspect.depends import Depends, Described

FIELD = "read"
MADE = 3
"""Runs in which a file has changed after which it is taken for one that their programs make."""


class Observed:
    """What is known of the runs of a request, as the files are now; their names lead from a folder."""

    def __init__(self, measured: Mapping[str, Any], folder: str) -> None:
        self._asked = {name: value for name, value in canonical(measured).items() if name != FIELD}
        self._said: Mapping[str, str] = measured.get(FIELD, {})
        self._folder = folder
        self._known: dict[str, Described] = {}
        self._numbers: Counter[str] = Counter()
        self._made: Counter[str] = Counter()
        self._until: Counter[str] = Counter()
        """When the last run has ended that is counted as one which made a file."""
        self.changed: dict[str, str] = {}
        """The files that are not as they were, by name, with what is in them."""
        visited: set[Path] = set()
        while (place := self._place(self.changed)) not in visited:
            visited.add(place)
            self.changed = self._told(place)

    def add(self, read: Depends, uncertain: Collection[str] = (), period: list[int] | None = None) -> None:
        """Write down what a run has read, and which of it may have been another in the meantime.

        A `period` is that of a run which has begun other programs: what has changed in it may be of their making.
        """
        names = {self._name(path) for path in uncertain}
        others = {name for name, _ in self.changed.items() ^ self._said.items()}
        names |= {name for name in others if name in self._said or not self._changes_in_use(name)}
        _append(self._place(self._said), [[self._name(path), *rest] for path, *rest in read if path not in self._known])
        _append(self._place({}), [[name, None, period, None] for name in sorted(names)])

    def _changes_in_use(self, name: str) -> bool:
        return bool(self._numbers[os.path.join(self._folder, name)])  # noqa: PTH118 (as strings they are)

    def _told(self, place: Path) -> dict[str, str]:
        """Return what is another, with what stands in one more place."""
        here: dict[str, Described] = {}
        for name, how, identity, digest in values_in(place):
            path = os.path.join(self._folder, name)  # noqa: PTH118 (as strings they are)
            if how is None or here.get(path, (path, how, identity, digest))[3] != digest:
                self._numbers[path] += 1
            else:  # of the same content a later line knows the identity better
                here[path] = (path, how, identity, digest)
            if how is None and identity is not None and identity[0] > self._until[path]:
                self._until[path] = identity[1]
                self._made[path] += 1
        self._known = here | self._known
        found = self.changed | self._others(place, here.values())
        for path in here:
            if number := self._numbers[path]:
                found[self._name(path)] = f"{digest_of(path, self._known[path][1])} #{number}"
        made = {self._name(path) for path, number in self._made.items() if number >= MADE}
        return {name: digest for name, digest in found.items() if name not in made}

    def _others(self, place: Path, known: Iterable[Described]) -> dict[str, str]:
        """Return the files that are others, with what there is to see of them; of the same ones a new identity is written down."""
        others, again = {}, []
        for each in known:
            name, present = self._name(each[0]), as_it_is(*each)
            if present is None:
                others[name] = digest_of(*each[:2])
            elif present[2] is not None and present[2] != each[2]:
                again.append([name, *present[1:]])
        with suppress(OSError):  # they are looked at once more the next time
            _append(place, again)
        return others

    def _place(self, said: Mapping[str, str]) -> Path:
        text = json.dumps({**self._asked, FIELD: said}, sort_keys=True)
        return home() / "resolved" / "inspect" / "read" / f"{hashlib.sha256(text.encode()).hexdigest()}.jsonl"

    def _name(self, path: str) -> str:
        return str(Path(path).relative_to(self._folder)) if Path(path).is_relative_to(self._folder) else path


def _append(place: Path, lines: list[Any]) -> None:
    if lines:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with place.open("a", encoding="utf-8") as file:
            file.write("".join(f"\n{json.dumps(line)}\n" for line in lines))


def values_in(place: Path) -> Iterator[Any]:
    """Yield what stands in a file, a JSON value a line; a process that was killed may have left half of one."""
    if not place.is_file():
        return
    for line in place.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):
            yield json.loads(line)


__all__ = ["Observed", "values_in"]
