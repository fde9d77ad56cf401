"""Whatever lies on the path, the scanner reports what importlib-metadata reports."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, reject, settings, strategies as st

from motools.plugins.discovery import scan

pytestmark = pytest.mark.slow

NAMES = st.sampled_from(["acme", "Acme", "acme_x", "Acme.X", "acme--x", "motools", "b", "", "~cme", "ünï"])
VERSIONS = st.sampled_from(["", "-1.0", "-1.0.post1", "-2", "-1.0-py3.11", "-1_0"])
SUFFIXES = st.sampled_from([".dist-info", ".egg-info", ".DIST-INFO", ".Egg-Info", "", ".dist-info.bak"])
GROUPS = [
    "motools.training.v1",
    "motools.evals.v1",
    "motools.x y",
    "motools.",
    "motools",
    "other",
    "motools.training.v1 ",
    " motools.a",
]
LINES = st.one_of(
    st.sampled_from([f"[{group}]" for group in GROUPS]),
    st.sampled_from(
        ["", "#", "# note", " \t", "\ufeff", "a = m:C", "a=m", "b = m : C [x]", "= ", "é = m", "[a = b", "x = [y]"]
    ),
    st.text(alphabet="[]=#ab .\t\x0c\x85\u2028motools.", max_size=12).filter(
        lambda line: "=" in line or not line.strip()
    ),
)
TEXTS = st.builds(
    lambda lines, end: end.join(lines).encode(), st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r"])
)
CONTENTS = st.one_of(st.none(), TEXTS, TEXTS, st.sampled_from(["directory", "dangling"]))
METADATA = st.sampled_from(["METADATA", "METADATA", "PKG-INFO", None])
DISTRIBUTIONS = st.tuples(
    NAMES, VERSIONS, SUFFIXES, CONTENTS, METADATA, st.sampled_from(["directory", "directory", "directory", "file"])
)
SITES = st.tuples(st.sampled_from(["site", "lib.egg", "zipped"]), st.lists(DISTRIBUTIONS, max_size=5), CONTENTS)

# importlib-metadata never closes the zip files that it has read.
LEAVES_ARCHIVES_OPEN = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def headers(name: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name or 'declared'}\nVersion: 7\n\nText.\n"


def write_contents(info: Path, contents: bytes | str | None) -> None:
    place = info / "entry_points.txt"
    if contents == "directory":
        place.mkdir()
    elif contents == "dangling":
        place.symlink_to("nowhere")
    elif isinstance(contents, bytes):
        place.write_bytes(contents)


def build(root: Path, kind: str, distributions: list, egg: bytes | str | None) -> Path:
    """Write a directory of distributions, or a zip file of what it would hold."""
    root /= kind
    root.mkdir(parents=True)
    for name, version, suffix, contents, metadata, form in distributions:
        info = root / f"{name}{version}{suffix}"
        if info.exists() or info.name in ("", ".", ".."):
            continue
        if form == "file":
            info.write_text(headers(name))
            continue
        info.mkdir()
        # Without a name of its own, a directory without metadata makes importlib-metadata raise.
        if metadata or not name or suffix not in (".dist-info", ".egg-info"):
            (info / (metadata or "METADATA")).write_text(headers(name))
        write_contents(info, contents)
    if kind == "lib.egg":
        info = root / "EGG-INFO"
        info.mkdir()
        (info / "PKG-INFO").write_text(headers("acme_x"))
        write_contents(info, egg)
    if kind != "zipped":
        return root
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root))
    return root.with_suffix(".zip")


def check(found, sites: list) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = [str(build(Path(directory, str(number)), *site)) for number, site in enumerate(sites)]
        try:
            expected = found.by_importlib_metadata(path)
        except (TypeError, FileNotFoundError):
            # A line that is no pair, or nothing to take a name from: importlib-metadata gives up the whole path.
            reject()
        assert found.by_scanner(path) == expected


@LEAVES_ARCHIVES_OPEN
@pytest.mark.usefixtures("_archives_are_closed")
@settings(deadline=None, max_examples=150)
@given(sites=st.lists(SITES, min_size=1, max_size=3))
def test_the_scanner_agrees_with_importlib_metadata_on_any_site(found, sites) -> None:
    check(found, sites)


@pytest.mark.soak
@LEAVES_ARCHIVES_OPEN
@pytest.mark.usefixtures("_archives_are_closed")
@settings(deadline=None, max_examples=5000)
@given(sites=st.lists(SITES, min_size=1, max_size=3))
def test_the_scanner_agrees_with_importlib_metadata_on_very_many_sites(found, sites) -> None:
    check(found, sites)


@settings(deadline=None, max_examples=200)
@given(data=st.binary(max_size=200) | st.binary(max_size=60).map(lambda noise: b"[motools.training.v1]\n" + noise))
def test_no_bytes_in_an_entry_points_file_make_the_scanner_fail(data) -> None:
    with tempfile.TemporaryDirectory() as directory:
        info = Path(directory, "acme-1.dist-info")
        info.mkdir()
        (info / "entry_points.txt").write_bytes(data)
        assert all(entry.distribution == "acme" for entry in scan([directory]))
