"""What is in the wheels that users install."""

from __future__ import annotations

from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow


def test_every_wheel_has_its_types_licence_readme_and_every_file_of_its_source(root, wheels):
    for name, wheel in wheels.items():
        source = root / name / "src"
        expected = {
            path.relative_to(source).as_posix()
            for path in source.rglob("*")
            if path.is_file() and path.suffix not in {".pyc", ".pyo"}
        }
        with ZipFile(wheel) as archive:
            inside = archive.namelist()
            metadata = archive.read(next(entry for entry in inside if entry.endswith(".dist-info/METADATA"))).decode()
        assert {entry for entry in inside if ".dist-info/" not in entry} == expected, name
        assert any(entry.endswith("/py.typed") for entry in inside), name
        assert any(".dist-info/" in entry and entry.endswith("LICENSE") for entry in inside), name
        assert f"# {name}\n" in metadata, name
        assert "License-Expression: MIT\n" in metadata, name


def test_the_licence_is_one_text(root, wheels):
    assert {(root / name / "LICENSE").read_text() for name in wheels} == {(root / "LICENSE").read_text()}
