"""Links that nobody has to write: names of the public API lead to the reference, in annotations and in prose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

PREFIX = "motools"


def resolve_annotation(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Find a class that an annotation calls by its bare name, as the source does; what is not ours stays text."""
    if node.get("refdomain") != "py" or node.get("reftype") != "class":
        return None
    name = node["reftarget"].rpartition(".")[2]
    found = {
        (entry.docname, entry.node_id): full
        for full, entry in env.domains.python_domain.objects.items()
        if full.rpartition(".")[2] == name and entry.objtype in {"class", "data", "exception", "type"}
    }
    if len(found) != 1:
        return content
    ((page, anchor), full) = found.popitem()
    return make_refnode(app.builder, node["refdoc"], page, anchor, content, full)


def link_prose(app: Sphinx, document: nodes.document, page: str) -> None:
    """Let `motools.Name` in a page of prose lead to where it is described."""
    objects = app.env.domains.python_domain.objects
    for literal in list(document.findall(nodes.literal)):
        name = literal.astext().removesuffix("()")
        if name.startswith(PREFIX) and name in objects and not isinstance(literal.parent, nodes.reference):
            entry = objects[name]
            literal.replace_self(
                make_refnode(app.builder, page, entry.docname, entry.node_id, literal.deepcopy(), name)
            )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("missing-reference", resolve_annotation)
    app.connect("doctree-resolved", link_prose)
    return {"parallel_read_safe": True}
