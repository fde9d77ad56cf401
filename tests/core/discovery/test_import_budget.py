"""What importing motools, and looking for plugins, must not import: each of these costs more than the whole search."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FORBIDDEN = [
    "asyncio",
    "pluggy",
    "importlib.metadata",
    "importlib_metadata",
    "sqlite3",
    "click",
    "rich",
    "aiofiles",
    "dataclasses",
    "typing",
    "tomllib",
    "json",
    "re",
    "pathlib",
    "inspect",
    "threading",
]


def imported_by(code: str, *, cwd: object) -> list[str]:
    """Return which of the forbidden modules are there after `code`; -I -S keeps the machine's own .pth files out."""
    path = [entry for entry in sys.path if entry]
    program = (
        f"import sys\nsys.path[:] = {path!r}\nbefore = set(sys.modules)\n{code}\nafter = sorted((set(sys.modules) - before) & set({FORBIDDEN!r}))\n"
        f"import json\nprint(json.dumps(after))"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], check=True, capture_output=True, text=True, cwd=cwd
    )
    return json.loads(answer.stdout)


@pytest.fixture
def configured(tmp_path):
    """A directory with a motools.toml as most are, below one with a pyproject.toml that does not concern us."""
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["motools-core"]\n[[tool.x]]\n')
    directory = tmp_path / "work"
    directory.mkdir()
    (directory / "motools.toml").write_text(
        '# ours\ncache = "sqlite"\n[backends.cheap]\nuse = "openai"\nmiddleware = ["cache", "validate"]\n'
        'base_url = "http://localhost:8000/v1"\ntimeout = 2.5\n[plugins]\nblock = ["foo"]\npin = { openai = "motools-openai" }\n'
    )
    return directory


def test_importing_motools_imports_next_to_nothing(tmp_path) -> None:
    assert imported_by("import motools", cwd=tmp_path) == []


def test_scanning_imports_next_to_nothing(tmp_path) -> None:
    code = "from motools.plugins.discovery import scan; assert scan(); [entry.version for entry in scan()]"
    assert imported_by(code, cwd=tmp_path) == []


def test_reading_the_configuration_imports_next_to_nothing(configured) -> None:
    code = (
        "from motools.config import current; config = current(); assert config.plugins_block == ['foo']; config.rows()"
    )
    assert imported_by(code, cwd=configured) == []


def test_a_project_that_does_not_configure_us_is_not_parsed(configured) -> None:
    code = "from motools.config import current; assert current().path is None"
    assert imported_by(code, cwd=configured.parent) == []


def test_listing_the_backends_imports_next_to_nothing(configured) -> None:
    code = "import motools; assert any(backend.name == 'dummy' for backend in motools.list_backends())"
    assert imported_by(code, cwd=configured) == []
