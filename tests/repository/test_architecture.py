"""What may import what, read from the source: nothing here runs the code it judges."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from public_names import PUBLIC_MODULES, PUBLIC_NAMES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "motools-core": "motools",
    "motools-inspect": "motools_inspect",
    "motools-local": "motools_local",
    "motools-openai": "motools_openai",
    "motools-tinker": "motools_tinker",
}
PLUGINS = [name for name in PACKAGES if name != "motools-core"]


@dataclass(frozen=True, kw_only=True)
class Import:
    """One name that a file imports: `module` alone, or `name` from it."""

    file: Path
    line: int
    module: str
    name: str | None
    runs: bool  # False under `if TYPE_CHECKING:`, where only type checkers look
    deferred: bool  # inside a function: imported when that is called

    @property
    def top(self):
        return self.module.partition(".")[0]

    def __str__(self):
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}" + (
            f".{self.name}" if self.name else ""
        )


@cache
def imports_of(distribution):
    return tuple(imports_below(ROOT / distribution / "src"))


def imports_below(source):
    for file in sorted(source.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for_types = {
            node
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
            for statement in block.body
            for node in ast.walk(statement)
        }
        deferred = {
            node
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            where = {"file": file, "runs": node not in for_types, "deferred": node in deferred}
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(line=node.lineno, module=alias.name, name=None, **where)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno}: a relative import"
                for alias in node.names:
                    yield Import(line=node.lineno, module=node.module, name=alias.name, **where)


def project(distribution):
    return tomllib.loads((ROOT / distribution / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements):
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-") for requirement in requirements}


def offered_by(module):
    """The distributions that offer an import name, in this environment."""
    ours = {name for name, package in PACKAGES.items() if package == module}
    return ours or {name.lower().replace("_", "-") for name in installed_packages().get(module, [])}


@cache
def installed_packages():
    return packages_distributions()


EXTRA_OF = {
    Path("motools-core/src/motools/testing"): "testing",
    Path("motools-core/src/motools/comparison"): "compare",
    Path("motools-openai/src/motools_openai/tokens.py"): "tokens",
    Path("motools-inspect/src/motools_inspect/frames.py"): "pandas",
}
"""Folders and files whose imports may come from an extra."""
FOR_OTHERS = {
    ("motools-inspect", "torch"): "set up only for a model of this machine, which came with torch",
    ("motools-openai", "tiktoken"): "counts tokens faster, where somebody has it and its vocabularies",
    ("motools-tinker", "inspect_ai"): "its own module of a provider, which only Inspect loads",
}
"""Imports of what is there only when somebody else has brought it."""
PROVIDERS = {"inspect_models.py"}
"""Files that only the framework loads which they are for."""


def extra_of(file):
    return next((extra for place, extra in EXTRA_OF.items() if (ROOT / place) in (file, *file.parents)), None)


@pytest.mark.parametrize("distribution", PACKAGES)
def test_every_import_is_declared(distribution):
    declared = names(project(distribution)["dependencies"])
    extras = project(distribution).get("optional-dependencies", {})
    undeclared = [
        str(found)
        for found in imports_of(distribution)
        if found.top not in sys.stdlib_module_names
        and found.top != PACKAGES[distribution]
        and not ((found.deferred or found.file.name in PROVIDERS) and (distribution, found.top) in FOR_OTHERS)
        and not offered_by(found.top) & (declared | names(extras.get(extra_of(found.file), [])))
    ]
    assert undeclared == []


NEEDED_UNIMPORTED = {
    ("motools-local", "accelerate"): "transformers loads models onto devices with it",
    ("motools-local", "gguf"): "transformers reads the small model's file with it",
}
"""Dependencies that no source file imports, and what they are for."""


@pytest.mark.parametrize("distribution", PACKAGES)
def test_every_dependency_is_imported_or_has_a_reason(distribution):
    imported = {name for found in imports_of(distribution) for name in offered_by(found.top)}
    unimported = names(project(distribution)["dependencies"]) - imported
    assert unimported == {name for owner, name in NEEDED_UNIMPORTED if owner == distribution}


def test_core_never_imports_a_plugin():
    packages = {PACKAGES[name] for name in PLUGINS}
    assert [str(found) for found in imports_of("motools-core") if found.top in packages] == []


def is_public(found):
    import motools

    return (
        (found.module, found.name) in PUBLIC_NAMES
        or motools._HOME_OF.get(found.name) == found.module
        or (found.module in PUBLIC_MODULES and found.name in import_module(found.module).__all__)
    )


@pytest.mark.parametrize("distribution", PLUGINS)
def test_plugins_import_only_the_public_names_of_core(distribution):
    assert [str(found) for found in imports_of(distribution) if found.top == "motools" and not is_public(found)] == []


@pytest.mark.parametrize("distribution", PLUGINS)
def test_plugins_do_not_import_one_another(distribution):
    others = set(PACKAGES.values()) - {PACKAGES[distribution], "motools"}
    assert [str(found) for found in imports_of(distribution) if found.top in others] == []


LEVELS = (
    ("covering", "errors", "money", "status", "words"),
    ("events", "files", "listening", "models", "settings", "tables"),
    ("config", "configfile"),
    ("cache", "datasets", "detached", "dummy", "evals", "handles", "training", "weights"),
    ("comparison", "middleware", "plugins"),
    ("cli", "demo", "doctor", "scaffold", "testing", "__main__"),
)
"""The parts of core, each of which imports from its own level and those above it in this list."""

UPWARD = {
    ("cache", "plugins"): "a recorded run goes on as the class that its backend's plugin has",
    ("handles", "plugins.registry"): "a saved handle is read by the class that its backend's plugin has",
    ("training.backends", "plugins"): "the gateway hands out the classes of installed plugins",
    ("evals.backends", "plugins"): "the gateway hands out the classes of installed plugins",
}
"""(who, what): the imports against that direction, all of them deferred to a call, and why."""


def level_of(module):
    part = module.removeprefix("motools.").partition(".")[0]
    levels = [number for number, parts in enumerate(LEVELS) if part in parts]
    assert levels, f"motools.{part} has no place in LEVELS: say what it may import"
    return levels[0]


def inside_core():
    """Every import of core by core that runs: (importing module, imported module, the import)."""
    source = ROOT / "motools-core" / "src"
    import motools

    for found in imports_of("motools-core"):
        importer = ".".join(found.file.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        if not found.runs or found.top != "motools" or importer == "motools":
            continue
        if found.module != "motools":
            yield importer, found.module, found
        elif (source / "motools" / f"{found.name}.py").exists() or (source / "motools" / f"{found.name}").is_dir():
            yield importer, f"motools.{found.name}", found
        elif found.name in motools.__all__:
            yield importer, motools._HOME_OF[found.name], found


def is_within(module, part):
    return f"{module}.".startswith(f"motools.{part}.")


def test_imports_inside_core_go_in_one_direction():
    against = [
        str(found)
        for importer, imported, found in inside_core()
        if level_of(importer) < level_of(imported)
        and not (found.deferred and any(is_within(importer, who) and is_within(imported, what) for who, what in UPWARD))
    ]
    assert against == []


def test_every_exception_to_the_direction_is_in_use():
    used = {
        (who, what)
        for importer, imported, _ in inside_core()
        for who, what in UPWARD
        if is_within(importer, who) and is_within(imported, what)
    }
    assert used == set(UPWARD)


def test_the_official_names_are_those_of_the_distributions():
    from motools.errors import OFFICIAL_DISTRIBUTIONS

    assert sorted(OFFICIAL_DISTRIBUTIONS.values()) == PLUGINS


def test_all_distributions_carry_one_version_and_plugins_ask_for_that_minor_of_core():
    import motools

    assert {project(name)["version"] for name in PACKAGES} == {motools.__version__}
    major, minor, _ = motools.__version__.split(".")
    for name in PLUGINS:
        assert f"motools-core>={major}.{minor},<{major}.{int(minor) + 1}" in project(name)["dependencies"], name


@pytest.mark.parametrize("distribution", PACKAGES)
def test_every_distribution_is_typed_and_says_which_python_it_takes(distribution):
    assert (ROOT / distribution / "src" / PACKAGES[distribution] / "py.typed").exists()
    assert project(distribution)["requires-python"] == ">=3.11"
