"""What must not be in the repository, wherever it hides."""

from __future__ import annotations

import re
import tomllib

# in pieces, so that this file passes its own test
REGISTRIES = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "download." + "pytorch.org",
    "conda." + "anaconda.org",
    "crates" + ".io",
]
MACHINE_PATH = re.compile(r"(?<![\w.~/}])/(?:work|root|home|opt|Users|mnt|srv)/[\w.]")


def texts(tracked):
    for path in tracked:
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def lines(tracked):
    for path, text in texts(tracked):
        for number, line in enumerate(text.splitlines(), start=1):
            yield f"{path.name}:{number}", line


def test_no_registry_is_named_and_nothing_locks_to_one(tracked):
    assert [place for place, line in lines(tracked) if any(host in line for host in REGISTRIES)] == []
    assert [path for path in tracked if path.name in {"uv.lock", "poetry.lock", "Pipfile.lock"}] == []


def test_no_path_of_one_machine_is_named(tracked):
    assert [f"{place}: {line.strip()}" for place, line in lines(tracked) if MACHINE_PATH.search(line)] == []


def test_constraints_pin_everything_and_name_only_versions(root):
    pinned = (root / "constraints.txt").read_text().splitlines()
    pin = re.compile(r"[a-z0-9-]+==[\w.]+( ; .+)?")
    assert [line for line in pinned if not pin.fullmatch(line)] == []
    assert "torch==2.13.0" in pinned
    assert not any(line.startswith("motools") for line in pinned)


def test_every_rule_that_ruff_is_told_to_ignore_has_a_reason(root):
    text = (root / "pyproject.toml").read_text()
    ignored = tomllib.loads(text)["tool"]["ruff"]["lint"]
    codes = {*ignored["ignore"], *(code for codes in ignored["per-file-ignores"].values() for code in codes)}
    with_reason = {
        code
        for line in text.splitlines()
        if re.search(r"# \S+ \S+", line)
        for code in re.findall(r'"([A-Z]+[0-9]*)"', line.partition("#")[0])
    }
    assert codes - with_reason == set()


def test_every_silenced_finding_names_its_code_and_each_file_says_once_why(tracked):
    silenced = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b(?P<rest>.*)")
    codes_and_reason = re.compile(r":?\s*\[?(?P<codes>[\w-]+(?:, ?[\w-]+)*)\]?\s*(?P<reason>\S.*)?")
    bare = []
    for path, text in texts(path for path in tracked if path.suffix == ".py" and path.name != "test_tracked_files.py"):
        explained = set()
        for number, line in enumerate(text.splitlines(), start=1):
            if found := silenced.search(line):
                parts = codes_and_reason.fullmatch(found["rest"])
                codes = set(parts["codes"].split(", ")) if parts else set()
                if parts and parts["reason"]:
                    explained |= codes
                if not codes or codes - explained:
                    bare.append(f"{path.name}:{number}: {line.strip()}")
    assert bare == []
