"""Opening somebody else's cache must not run code: nothing that reads one can."""

from __future__ import annotations

import ast
from pathlib import Path

import motools

RUNS_CODE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "diskcache"}
CALLS = {"eval", "exec"}
ALLOWED = {("testing/waiting.py", "pickle"): "a contract for plugins sends a backend and an error to itself and back"}


def found_in(source):
    """Return what a source file uses that can run code out of data: (line, name)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names} & RUNS_CODE
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").partition(".")[0]} & RUNS_CODE
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = {node.func.id} & CALLS
        else:
            continue
        yield from ((node.lineno, name) for name in names)


def test_core_reads_nothing_that_could_run_code():
    root = Path(motools.__file__).parent
    files = sorted(root.rglob("*.py"))
    assert len(files) > 50
    found = {(file.relative_to(root).as_posix(), name) for file in files for _, name in found_in(file.read_text())}
    assert found == set(ALLOWED)


def test_every_way_to_write_it_is_recognised():
    source = "import pickle\nfrom joblib import load\nimport marshal as m\neval('1')\n"
    assert [name for _, name in found_in(source)] == ["pickle", "joblib", "marshal", "eval"]
