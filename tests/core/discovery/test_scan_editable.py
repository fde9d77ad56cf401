"""Editable installs, of each kind that installers make, in an interpreter that starts with them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ONE = "[motools.training.v1]\none = acme.training:Backend\n"

FINDER = """
import sys

class _EditableFinder:
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None

def install():
    sys.meta_path.append(_EditableFinder)
"""

COMPARE = """
import json, site, sys
site.addsitedir(sys.argv[1])
from motools.plugins.discovery import scan
ours = [entry for entry in scan() if entry.distribution.startswith("acme")]
early = sorted({"importlib_metadata", "importlib.metadata"} & set(sys.modules))
import importlib_metadata
oracle = [(e.name, e.value, e.dist.version) for e in importlib_metadata.entry_points() if e.value.startswith("acme")]
print(json.dumps([[(e.name, e.value, e.version) for e in ours], oracle, early]))
"""


def by_path_file(site, source) -> None:
    site.install("acme-1.0.dist-info", ONE, version="1.0")
    (site.root / "_editable_impl_acme.pth").write_text(f"{source.path}\n")


def by_finder(site, source) -> None:
    site.install("acme-1.0.dist-info", ONE, version="1.0")
    (site.root / "__editable___acme_1_0_finder.py").write_text(FINDER)
    (site.root / "__editable__.acme-1.0.pth").write_text(
        "import __editable___acme_1_0_finder; __editable___acme_1_0_finder.install()\n"
    )


def by_develop(site, source) -> None:
    source.install("acme.egg-info", ONE, metadata="PKG-INFO", version="1.0")
    (site.root / "easy-install.pth").write_text(f"{source.path}\n")
    (site.root / "acme.egg-link").write_text(f"{source.path}\n.")


def with_both(site, source) -> None:
    """Leave an old egg-info in the source tree of a modern editable install."""
    source.install("acme.egg-info", ONE.replace("one", "old"), metadata="PKG-INFO", version="0.9")
    by_path_file(site, source)


@pytest.mark.parametrize("install", [by_path_file, by_finder, by_develop, with_both])
def test_an_editable_install_is_found_without_help(site, later_site, install) -> None:
    install(site, later_site)
    command = [sys.executable, "-c", COMPARE, site.path]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    ours, oracle, early = json.loads(answer.stdout)
    assert ours == oracle == [["one", "acme.training:Backend", "1.0"]]
    assert early == []
