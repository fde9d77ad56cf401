"""How the site is built: `make docs`. Its pages are the repository's own Markdown files, where they are."""

from __future__ import annotations

import sys
from pathlib import Path

import motools

sys.path.insert(0, str(Path(__file__).parent / "building"))

project = "MOTools"
release = motools.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click", "docstrings", "linking", "declared"]

# the source directory is the top of the repository, so that a link leads to the same page here and on a code host
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "motools-*/README.md"]
exclude_patterns = [".*", "benchmarks", "build", "dist", "examples", "motools-*/src", "site", "tests", "tools"]

myst_heading_anchors = 3
autodoc_member_order = "bysource"
default_role = "py:obj"
smartquotes = False  # a quoted word is often a value
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r"(?s).*")
]  # the default role: a name that is documented is a link, and all else is code

html_theme = "furo"
html_title = "MOTools"
html_extra_path = ["front"]
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
