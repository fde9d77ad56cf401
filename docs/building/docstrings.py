"""Docstrings as reStructuredText: they are written to be read in the source, with `code`, paragraphs and indented blocks."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CODE = re.compile(r"(`[^`]+`)")
MARKUP = re.compile(r"[*|\\]|_\b")


def as_rest(lines: list[str]) -> list[str]:
    """Return a docstring's lines with indented blocks made literal, and nothing but `code` left as markup."""
    done: list[str] = []
    is_literal = False
    for before, line in pairwise(["", *lines]):
        is_indented = line.startswith("    ")
        if is_indented and not is_literal and not before.strip():
            done += ["::", ""]
            is_literal = True
        elif line.strip() and not is_indented:
            is_literal = False
        done.append(line if is_literal else plain(line))
    return done


def plain(line: str) -> str:
    """Return a line in which nothing but `code` means anything to reStructuredText."""
    return "".join(
        part if part.startswith("`") else MARKUP.sub(lambda found: f"\\{found[0]}", part) for part in CODE.split(line)
    )


def translate(_app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Translate a docstring in place, as autodoc asks."""
    lines[:] = as_rest(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", translate)
    return {"parallel_read_safe": True}
