"""The directive `declared`: tables of what a backend can be told, made from its `Settings`, or a layer, from its `Options`.

    .. declared:: motools_openai.settings.OpenAISettings
    .. declared:: motools.middleware.limit.LimitOptions

`:hyperparameters:` says what its hyperparameters are called, where they are called something else.
"""

from __future__ import annotations

import math
from dataclasses import is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from docstrings import CODE
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from motools.settings import declared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sphinx.application import Sphinx

    from motools.settings import Setting


class Declared(SphinxDirective):
    """Show the settings of one backend or layer."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"hyperparameters": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].rpartition(".")
        settings = getattr(import_module(module), name)
        if is_dataclass(settings):
            return list(self._group("Options", list(declared(settings))))
        groups = {
            "Options": settings.Options,
            self.options.get("hyperparameters", "Hyperparameters"): settings.Hyperparameters,
            "Further keywords": settings.Keywords,
        }
        return [node for title, group in groups.items() if group for node in self._group(title, list(declared(group)))]

    def _group(self, title: str, settings: Sequence[Setting]) -> Iterator[nodes.Node]:
        yield nodes.rubric("", title)
        rows = [("name", "type", "default", "")]
        yield table([*rows, *([each.name, each.type_name, default(each), about(each)] for each in settings)])


def default(setting: Setting) -> str:
    """Return what holds where nothing is said, as one would write it."""
    return "required" if setting.required else repr(setting.default).replace("'", '"')


def about(setting: Setting) -> str:
    """Return what a setting is for, and its range."""
    # no number is in a range that this one is not below, above or in: the complaint names the whole range
    bounds = setting.range.complaint(math.nan) if setting.range else None
    return "; ".join(part for part in (setting.description, bounds) if part)


def table(rows: Sequence[Sequence[str]]) -> nodes.table:
    """Return a table whose first row is its head, and whose cells are code but for the last one of each row."""
    columns = len(rows[0])
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in range(columns)), cols=columns)
    head, *body = ([*map(str, row)] for row in rows)
    group += nodes.thead("", nodes.row("", *(entry(nodes.Text(cell)) for cell in head)))
    group += nodes.tbody(
        "",
        *(
            nodes.row("", *(entry(nodes.literal("", cell)) for cell in cells), entry(*in_words(words)))
            for *cells, words in body
        ),
    )
    return nodes.table("", group)


def in_words(text: str) -> Iterator[nodes.Node]:
    """Yield the parts of a sentence, in which `code` is code."""
    for part in CODE.split(text):
        yield nodes.literal("", part.strip("`")) if part.startswith("`") else nodes.Text(part)


def entry(*content: nodes.Node) -> nodes.entry:
    """Return a table's cell."""
    return nodes.entry("", nodes.paragraph("", "", *content))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("declared", Declared)
    return {"parallel_read_safe": True}
