"""The documentation is built without a warning, and everything that is public is in it."""

from __future__ import annotations

import fcntl
import inspect
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest
from public_names import PUBLIC_MODULES, PUBLIC_NAMES

pytestmark = pytest.mark.slow


class Links(HTMLParser):
    """What a page links to, and what in it can be linked to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])


@dataclass(frozen=True)
class Site:
    """The built site."""

    directory: Path
    words: str  # what the build said

    @cached_property
    def inventory(self):
        """Every documented thing: {kind: {name: item}}, as other sites would link to it."""
        from sphinx.util.inventory import InventoryFile

        return InventoryFile.loads((self.directory / "objects.inv").read_bytes(), uri="").data

    def documented(self, domain):
        return {name for kind, names in self.inventory.items() if kind.startswith(f"{domain}:") for name in names}

    def page(self, name):
        return (self.directory / f"{name}.html").read_text(encoding="utf-8")

    @cached_property
    def pages(self):
        """The links and anchors of every page, by its path."""
        return {
            page.relative_to(self.directory).as_posix(): Links(page.read_text(encoding="utf-8"))
            for page in self.directory.rglob("*.html")
            if "_static" not in page.parts
        }


@pytest.fixture(scope="session")
def site(root, tmp_path_factory):
    """The site, built as `make docs` builds it; once however many workers test."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    directory, words = shared / "site", shared / "site.txt"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not words.exists():
            recipe = re.search(
                r"^docs:.*\n\t\$\(BIN\)/python (.*) site$", (root / "Makefile").read_text(), re.MULTILINE
            )
            command = [sys.executable, *recipe[1].split(), directory]
            done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
            words.write_text(f"{done.stdout}{done.stderr}" if done.returncode == 0 else f"failed\n{done.stderr}")
    return Site(directory, words.read_text())


def test_the_site_is_built_without_a_warning(site):
    assert site.words == ""


def public_names():
    """Every public name, and the object that it stands for."""
    for module in PUBLIC_MODULES:
        home = import_module(module)
        for name in getattr(home, "__all__", ()):
            yield f"{module}.{name}", getattr(home, name)
    for module, name in PUBLIC_NAMES:
        yield f"{module}.{name}", getattr(import_module(module), name, None)
    for package in ("motools_inspect", "motools_openai", "motools_tinker"):
        home = import_module(package)
        for name in home.__all__:
            yield f"{package}.{name}", getattr(home, name)


def names_of(name, thing):
    """The names by which a public thing may be described: its own, and that of the place that it is defined in."""
    place = (getattr(thing, "__module__", None), getattr(thing, "__qualname__", None))
    return {name, ".".join(place)} if all(isinstance(part, str) for part in place) else {name}


def test_every_public_name_is_in_the_reference(site):
    documented = site.documented("py")
    assert [name for name, thing in public_names() if not names_of(name, thing) & documented] == []


def test_what_motools_offers_is_in_the_reference_as_it_is_imported(site):
    import motools

    assert {f"motools.{name}" for name in motools.__all__} - site.documented("py") == set()


def test_every_public_class_and_function_says_what_it_is_for():
    described = [(name, thing) for name, thing in public_names() if isinstance(thing, type) or inspect.isroutine(thing)]
    assert len(described) > 100
    assert [name for name, thing in described if not (thing.__doc__ or "").strip()] == []


def test_every_hook_is_in_the_reference(site):
    import pluggy

    from motools.plugins import hookspecs

    declared = pluggy.PluginManager("motools")
    declared.add_hookspecs(hookspecs)
    hooks = {f"motools.plugins.hookspecs.{name}" for name in vars(declared.hook) if name.startswith("motools_")}
    assert len(hooks) > 1
    assert hooks - site.documented("py") == set()


def suites():
    """The contract suites that no other one builds upon: those that are for others to inherit."""
    from motools.testing.contract import Contract
    from motools.testing.plugin import SUITES

    offered = {each for name in SUITES for each in vars(import_module(name)).values() if isinstance(each, type)}
    contracts = {each for each in offered if issubclass(each, Contract)}
    return {each for each in contracts if not any(issubclass(other, each) for other in contracts - {each})}


def test_every_contract_suite_is_in_the_reference(site):
    names = {f"{suite.__module__}.{suite.__qualname__}" for suite in suites()}
    assert "motools.testing.training.TrainingBackendContract" in names
    assert names - site.documented("py") == set()


def test_every_layer_of_core_is_in_the_reference(site):
    from motools.middleware.layers import BUILT_IN

    places = {place.replace(":", ".") for kinds in BUILT_IN.values() for place in kinds.values()}
    layers = {place for place in places if place.rpartition(".")[2][0].isupper()}
    assert len(layers) > len(BUILT_IN)
    assert {place.replace(".cached.", ".") for place in layers} - site.documented("py") == set()


def commands(command, path=()):
    import click

    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


def test_every_command_and_option_is_in_the_reference(site):
    from motools.cli.app import motools

    told = {name.replace("_", "-").lower() for name in site.documented("std")}
    missing = []
    for path, command in commands(motools):
        who = "-".join(("motools", *path))
        anchored = site.pages["docs/reference/cli.html"].anchors
        missing += [] if who in anchored else [who]
        options = [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]
        missing += [
            f"{who} {option}" for option in options if option.startswith("--") and f"{who}.{option}" not in told
        ]
    assert missing == []


def test_every_page_is_linked_to_and_no_link_inside_the_site_is_broken(site):
    broken, reached = [], set()
    for page, found in site.pages.items():
        for link in found.links:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            path = os.path.normpath(Path(page).parent / target) if target else page
            reached |= {path} if path != page else set()
            there = site.pages.get(path)
            exists = there is not None or (site.directory / path).exists()
            if not exists or (anchor and there is not None and anchor not in there.anchors):
                broken.append(f"{page}: {link}")
    assert broken == []
    assert set(site.pages) - reached - {"index.html", "genindex.html", "search.html", "py-modindex.html"} == set()


def test_names_in_prose_and_in_annotations_lead_to_the_reference(site):
    capability = "reference/plugins.html#motools.Capability"
    assert capability in site.pages["docs/powers.html"].links
    assert capability.removeprefix("reference/") in site.pages["docs/reference/training.html"].links


def test_what_is_indented_in_a_docstring_is_shown_as_it_stands(site):
    assert re.search(r"<pre>.*└── RunError", site.page("docs/reference/errors"), re.DOTALL)


def test_what_a_backend_can_be_told_is_shown_with_its_default(site):
    row = r"n_epochs.*?</td>.*?auto.*?</td>.*?passes over the data; at least 1 and at most 50"
    assert re.search(row, site.page("docs/reference/official"), re.DOTALL)


def test_nothing_in_the_site_is_fetched_from_elsewhere(site):
    fetched = re.compile(r"<(?:link|script|img)[^>]+(?:href|src)=\"(?:https?:)?//[^\"]*\"")
    assert [(page, found[0]) for page in site.pages for found in fetched.finditer(site.page(page[:-5]))] == []
