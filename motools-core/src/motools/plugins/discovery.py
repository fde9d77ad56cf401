"""What is installed: every entry point whose group begins with `motools.`, found without importing a plugin.

    sys.path ──listdir──> *.dist-info, *.egg-info ──bytes search──> the few that mention us ──parse──> [EntryPoint, …]
        └── a zip file, or a finder of its own on sys.meta_path ──> importlib-metadata, for the whole path

`scan` reports what `importlib_metadata.entry_points()` reports for those groups, for a small part of its price. One file
that cannot be read or understood makes importlib-metadata raise; here it costs its own distribution (or line) only.
Nothing is remembered between calls: the registry is what caches.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import importlib_metadata

PREFIX = "motools."
_NEEDLE = PREFIX.encode()
_SUFFIXES = (".dist-info", ".egg-info")
_SUFFIXES_OF_NAMES = ("dist-info", "egg-info")
"""Without the dot, and in this case only: another spelling marks metadata too, but names no distribution."""
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_BLOCK = 1 << 16


class EntryPoint:
    """One line of an entry-point group, and who declares it.

    `distribution` is the canonical name of what is installed ("acme-openai"), `location` its metadata directory or
    file. `value` is as declared, which need not be importable, nor well formed.
    """

    __slots__ = ("_version", "distribution", "group", "location", "name", "value")

    def __init__(
        self, *, group: str, name: str, value: str, distribution: str, location: str, version: str | None = None
    ) -> None:
        self.group = group
        self.name = name
        self.value = value
        self.distribution = distribution
        self.location = location
        self._version = version

    @property
    def version(self) -> str:
        """The distribution's version; read from its metadata when its directory's name does not say. "" if unknown."""
        if self._version is None:
            self._version = _header(self.location, "Version") or ""
        return self._version

    def _key(self) -> tuple[str, str, str, str, str]:
        return self.group, self.name, self.distribution, self.value, self.location

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EntryPoint) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"EntryPoint([{self.group}] {self.name} = {self.value}, of {self.distribution} at {self.location})"


def scan(path: Sequence[str] | None = None) -> list[EntryPoint]:
    """Return the entry points of all groups that begin with `motools.`, sorted by group, name and distribution.

    `path` stands in for `sys.path`. Of two distributions with one (normalised) name, the first on the path counts and
    hides the other, as for an import; one that has lost its METADATA hides nothing that still has it. Two distributions
    that offer one entry-point name are both reported.
    """
    found = _scan_directories(sys.path if path is None else path) if _finders_are_standard() else None
    if found is None:
        found = list(_ask_importlib_metadata(path))
    found.sort(key=EntryPoint._key)
    return found


def canonical(name: str) -> str:
    """Return the name of a distribution as the index writes it: lower case, runs of `-`, `_` and `.` as one `-`."""
    name = name.lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name


def _finders_are_standard() -> bool:
    """Whether distributions can come from the directories of the path alone.

    The second module is importlib-metadata, whose own finder takes the place of the interpreter's once it is imported.
    """
    return all(
        not hasattr(finder, "find_distributions")
        or getattr(finder, "__module__", None) in ("_frozen_importlib_external", "importlib_metadata")
        for finder in sys.meta_path
    )


class _Candidate:
    """A metadata directory or file, and its entry_points.txt where that mentions us."""

    __slots__ = ("child", "data", "location")

    def __init__(self, child: str, location: str, data: bytes | None) -> None:
        self.child = child
        self.location = location
        self.data = data

    @property
    def is_valid(self) -> bool:
        return (
            os.path.exists(os.path.join(self.location, "METADATA"))  # noqa: PTH110, PTH118  (pathlib costs as much as the scan)
            or os.path.exists(os.path.join(self.location, "PKG-INFO"))  # noqa: PTH110, PTH118  (as above)
            or os.path.isfile(self.location)  # noqa: PTH113  (as above)
        )

    def name(self) -> str:
        """Return the distribution's canonical name: the directory's where that has one, else what it declares."""
        stem, _, suffix = self.child.rpartition(".")
        name = canonical(stem.partition("-")[0]) if suffix in _SUFFIXES_OF_NAMES and stem.strip(".") else ""
        return name or canonical(_header(self.location, "Name") or "") or self.location

    @property
    def version(self) -> str | None:
        """The version that a wheel's directory is bound to carry; None when only the metadata knows."""
        name, dash, version = self.child.removesuffix(".dist-info").partition("-")
        trusted = name and dash and version[:1].isdigit() and "-" not in version and "_" not in version
        return version if trusted and self.child.endswith(".dist-info") else None


def _scan_directories(path: Sequence[object]) -> list[EntryPoint] | None:
    """Return what the directories of the path declare, or None when something on it is not a directory."""
    candidates: list[_Candidate] = []
    for root in dict.fromkeys(path):
        if not isinstance(root, str):
            continue
        try:
            children = os.listdir(root or ".")  # noqa: PTH208  (pathlib costs as much as the scan)
        except (OSError, ValueError):
            if os.path.isfile(root):  # noqa: PTH113  (as above)
                return None
            continue
        candidates += _candidates(root, children)
    return [
        EntryPoint(
            group=group,
            name=name,
            value=value,
            distribution=distribution,
            location=winner.location,
            version=winner.version,
        )
        for distribution, winner in _winners(candidates)
        for group, name, value in _parse((winner.data or b"").decode("utf-8", "replace"))
    ]


def _candidates(root: str, children: list[str]) -> Iterator[_Candidate]:
    start = f"{root}{os.sep}" if root and not root.endswith(("/", os.sep)) else root
    infos = [child for child in children if child.lower().endswith(_SUFFIXES)]
    if any(not child.endswith(_SUFFIXES) or child[0] in "-." for child in infos):
        infos = _in_lookup_order(infos)
    for child in infos:
        yield _Candidate(child, f"{start}{child}", _read(f"{start}{child}{os.sep}entry_points.txt"))
    if os.path.basename(root).lower().endswith(".egg"):  # noqa: PTH119  (as above)
        for child in children:
            if child.lower() == "egg-info":
                yield _Candidate(child, f"{start}{child}", _read(f"{start}{child}{os.sep}entry_points.txt"))


def _in_lookup_order(infos: list[str]) -> list[str]:
    """Return what importlib-metadata would go through: grouped by the name that a directory seems to have.

    It makes a difference only where a directory's real name is the one that its metadata declares.
    """
    groups: dict[str, list[str]] = {}
    for child in infos:
        groups.setdefault(canonical(child.rpartition(".")[0].partition("-")[0]), []).append(child)
    return [child for group in groups.values() for child in group]


def _read(path: str) -> bytes | None:
    """Return a file that mentions us; None for any other, and for one that cannot be read."""
    try:
        descriptor = os.open(path, _READ)
    except OSError:
        return None
    try:
        data = block = os.read(descriptor, _BLOCK)
        while len(block) == _BLOCK:
            block = os.read(descriptor, _BLOCK)
            data += block
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data if _NEEDLE in data else None


def _winners(candidates: list[_Candidate]) -> Iterator[tuple[str, _Candidate]]:
    """Yield, with their names, those that mention us and are not hidden by another distribution of the same name."""
    named = [(candidate.name(), candidate) for candidate in candidates]
    rivals: dict[str, list[_Candidate]] = {name: [] for name, candidate in named if candidate.data is not None}
    for name, candidate in named:
        if name in rivals:
            rivals[name].append(candidate)
    for name, same in rivals.items():
        winner = same[0] if len(same) == 1 else next((one for one in same if one.is_valid), same[0])
        if winner.data is not None:
            yield name, winner


def _parse(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield group, name and value of our groups' lines. A line that is neither a section nor a pair ends its section."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
            continue
        name, equals, value = line.partition("=")
        if not equals:
            group = ""
        elif group.startswith(PREFIX):
            yield group, name.strip(), value.strip()


def _header(location: str, field: str) -> str | None:
    """Return a header of a distribution's metadata (its METADATA, its PKG-INFO, or the egg-info file itself)."""
    for path in (os.path.join(location, "METADATA"), os.path.join(location, "PKG-INFO"), location):  # noqa: PTH118  (as above)
        try:
            with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  (as above)
                for line in file:
                    name, colon, value = line.partition(":")
                    if colon and name.lower() == field.lower():
                        return value.strip()
                    if not line.strip():
                        break
        except OSError:
            continue
    return None


def _ask_importlib_metadata(path: Sequence[str] | None) -> Iterator[EntryPoint]:
    """Yield the same from importlib-metadata, which knows zip files and other people's finders.

    Not by its `entry_points()`: that takes no path, and raises for all when one distribution is unreadable.
    """
    import importlib_metadata

    everything = importlib_metadata.distributions() if path is None else importlib_metadata.distributions(path=[*path])
    seen: set[str] = set()
    for distribution in sorted(everything, key=_has_no_metadata):
        try:
            name = canonical(distribution._normalized_name)  # type: ignore[attr-defined]  # a method of every one of its classes, missing in its stubs
        except (AttributeError, KeyError, OSError, TypeError, ValueError):
            name = f"unnamed-{len(seen)}"
        if name in seen:
            continue
        seen.add(name)
        try:
            ours = [entry for entry in distribution.entry_points if entry.group.startswith(PREFIX)]
        except (KeyError, OSError, TypeError, ValueError):
            continue
        location = str(getattr(distribution, "_path", "")) or type(distribution).__module__
        for entry in ours:
            yield EntryPoint(
                group=entry.group,
                name=entry.name,
                value=entry.value,
                distribution=name,
                location=location,
                version=_version_of(distribution),
            )


def _version_of(distribution: importlib_metadata.IDistribution) -> str:
    try:
        return str(distribution.metadata["Version"] or "")
    except (KeyError, OSError, TypeError, ValueError):
        return ""


def _has_no_metadata(distribution: importlib_metadata.IDistribution) -> bool:
    """Sort what has lost its metadata behind everything else."""
    try:
        knows = getattr(distribution, "_has_metadata", None)
        return not (knows() if knows else any(map(distribution.read_text, ("METADATA", "PKG-INFO", ""))))
    except (OSError, ValueError):
        return False


__all__ = ["PREFIX", "EntryPoint", "canonical", "scan"]
