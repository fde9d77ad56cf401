"""Whether a job's tasks still are what was asked for, whenever a worker comes to them.

Between the request and the worker may lie a line of others, and between two workers of one job a weekend. What is built
then must not be recorded as the result of what was asked, nor half of one and half of the other as one result.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.cache.keys import canonical
from motools.detached import CannotGoOn
from motools.errors import SettingError
from motools.files import replace_text
from motools_inspect.depends import READ, changed, described
from motools_inspect.models import reference
from motools_inspect.placed import fingerprints
from motools_inspect.reading import can_be_edited
from motools_inspect.sources import sources_instead

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from motools.detached import Worker

BEGUN = "begun.json"
"""Where a job that no cache asked for keeps what its first worker found."""
MOST = 3
"""Files that are named, at most."""


def check_still_asked(measured: Mapping[str, Any], found: Mapping[str, Any], label: str) -> None:
    """Raise `SettingError` where what is `found` at the time of payment is not what a key was made of."""
    if measured and any(canonical(found[part]) != measured[part] for part in ("tasks", "instead")):
        raise SettingError(f"{label} has changed since it was asked for. Ask again: that is another evaluation.")


def check(worker: Worker, found: Mapping[str, Any], read: Iterable[str]) -> None:
    """Raise `CannotGoOn` where a task is not what was asked for, or not what an earlier worker of this job had.

    What is `found` has been built from files that were `read`.
    """
    spec = worker.spec
    if not spec["measured"]:
        place = worker.path / BEGUN
        if not place.exists():
            depends = described({path: READ for path in read if can_be_edited(path)})
            replace_text(place, json.dumps({"tasks": found, "depends": depends}))
            return
        begun = json.loads(place.read_bytes())
        _compare(begun["tasks"], found, begun["depends"])
        return
    _compare(spec["measured"]["tasks"], found, spec["depends"])
    if models := _other_models(spec):
        raise _changed(", ".join(found), ["weights"], models)
    if canonical(instead := sources_instead(spec)) != spec["measured"]["instead"]:
        raise _changed(", ".join(found), ["what is asked for instead of its own"], instead)


def _other_models(spec: Mapping[str, Any]) -> list[str]:
    """Return the models that have other weights now."""
    measured = spec["measured"]
    asked = {"": (measured["model"], spec["model"])}
    asked |= {role: (measured["model_roles"][role], found) for role, found in spec["model_roles"].items()}
    ids = {"": spec["model_id"], **spec.get("role_ids", {})}  # jobs begun by an earlier version have none of roles
    others = []
    for role, (before, found) in asked.items():
        if before.get("fingerprint"):
            is_other = role in ids and reference(ids[role]).fingerprint != before["fingerprint"]
        else:
            is_other = "weights" in before and fingerprints(found["model"], found["args"]) != before["weights"]
        others += [str(found["model"])] if is_other else []
    return others


def _compare(asked: Mapping[str, Any], found: Mapping[str, Any], depends: Iterable[Any]) -> None:
    """Raise `CannotGoOn` where a task's facts are others, and files that they depend on are as well.

    Where none is, the task is never the same (it draws its samples anew, say), and nothing was edited.
    """
    for label, facts in canonical(found).items():
        before = canonical(asked[label])
        if facts != before and (files := changed(tuple(each) for each in depends)):
            raise _changed(label, sorted(name for name in facts if facts[name] != before.get(name)), files)


def _changed(label: str, parts: Iterable[str], files: Iterable[str]) -> CannotGoOn:
    names = ", ".join(sorted({Path(each).name for each in files})[:MOST])
    return CannotGoOn(
        f"The task {label!r} has changed since it was asked for ({', '.join(parts)}; {names}). Put it back as it was and wait for it "
        "again, or ask for it anew: that is another evaluation."
    )


__all__ = ["check", "check_still_asked"]
