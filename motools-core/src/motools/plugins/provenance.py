"""How a distribution came to be installed, by what its installer wrote beside its metadata (PEP 610).

wheel      from an index, or from a file
editable   its sources are used where they are
vcs        from a repository
file       not installed: a motools.toml names it
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

WHEEL, EDITABLE, VCS, FILE = "wheel", "editable", "vcs", "file"


def provenance(location: str) -> tuple[str, str]:
    """Return the word for it and the URL it was installed from, without what such a URL may hold of credentials.

    `location` is a distribution's metadata directory. The URL is empty for what came from an index, and where nothing
    is known.
    """
    place = Path(location)
    if place.suffix == ".egg-info" and _is_among_sources(place):
        return EDITABLE, place.absolute().parent.as_uri()
    said = _direct_url(place)
    url = _without_credentials(str(said.get("url") or ""))
    if isinstance(said.get("dir_info"), dict) and said["dir_info"].get("editable") is True:
        return EDITABLE, url
    if isinstance(said.get("vcs_info"), dict):
        commit = str(said["vcs_info"].get("commit_id") or "")
        return VCS, f"{said['vcs_info'].get('vcs', 'vcs')}+{url}{'@' if commit else ''}{commit}"
    return WHEEL, url


def _direct_url(place: Path) -> dict[str, Any]:
    """Return what direct_url.json says; nothing where there is none, or it cannot be understood."""
    try:
        said = json.loads((place / "direct_url.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_among_sources(place: Path) -> bool:
    """Whether an .egg-info lies beside what it was made from, as a development installation leaves it."""
    return any(os.path.lexists(place.parent / name) for name in ("setup.py", "setup.cfg", "pyproject.toml"))


def _without_credentials(url: str) -> str:
    try:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
    except ValueError:
        return ""


__all__ = ["EDITABLE", "FILE", "VCS", "WHEEL", "provenance"]
