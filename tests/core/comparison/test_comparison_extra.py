"""Core does without the packages of comparisons, and says what to install where they are missing."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = pytest.mark.slow

BLOCKING = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
COMPARING = """
import asyncio, motools

async def main():
    backend = motools.get_eval_backend("dummy")
    jobs = [await backend.evaluate(model, "hello") for model in ("base", "organism")]
    try:
        print((await motools.compare(jobs)).summary())
        await (await motools.compare(jobs)).plot("found.png")
    except motools.MotoolsError as error:
        print(error)

asyncio.run(main())
"""


def says(program, *arguments, status=0):
    done = subprocess.run(
        [sys.executable, "-c", dedent(program), *arguments],
        env=os.environ | {"PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("missing", ["scipy", "numpy"])
def test_without_scipy_or_numpy_it_says_what_to_install(motools_home, missing):
    said = says(f"BLOCKED = {{{missing!r}}}{BLOCKING}{COMPARING}")
    assert f"A comparison needs {missing}, which cannot be imported" in said
    assert "pip install motools-core[compare]" in said
    assert "Traceback" not in said


def test_without_matplotlib_there_is_the_table_and_it_says_how_to_get_the_picture(motools_home):
    said = says(f"BLOCKED = {{'matplotlib'}}{BLOCKING}{COMPARING}")
    assert "differences from base" in said
    assert "A picture of a comparison needs matplotlib" in said
    assert "pip install motools-core[compare]" in said


def test_the_command_says_so_too_and_exits_with_2(motools_home):
    program = f"BLOCKED = {{'scipy'}}{BLOCKING}from motools.cli.app import run; sys.exit(run(sys.argv[1:]))"
    said = says(program, "compare", "a", "b", status=2)
    assert said.startswith("Error: A comparison needs scipy")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "use",
    [
        "import motools",
        "import motools; motools.compare, motools.Comparison",
        "from motools.cli.app import run; assert run(['--help']) == 0",
        "from motools.cli.app import run; assert run(['compare', '--help']) == 0",
    ],
)
def test_looking_at_what_there_is_imports_none_of_them(motools_home, use):
    said = says(f"{use}\nimport sys; print(sorted({{'numpy', 'scipy', 'matplotlib'}} & set(sys.modules)))")
    assert said.splitlines()[-1] == "[]"


def test_a_comparison_without_a_picture_does_not_import_matplotlib(motools_home):
    program = COMPARING.replace('await (await motools.compare(jobs)).plot("found.png")', "pass")
    assert says(f"{program}\nimport sys; print('matplotlib' in sys.modules)").splitlines()[-1] == "False"
