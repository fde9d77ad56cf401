"""tools/install.py takes packages from where pip is configured to take them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def tool(root, monkeypatch, tmp_path):
    """The script as a module, on a machine where neither pip nor uv is configured."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_")) or name == "SSL_CERT_FILE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    spec = importlib.util.spec_from_file_location("install", root / "tools" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOWHERE = Path("no-environment")


def said_to_uv(tool):
    names = {*tool.UV_VARIABLES.values(), "UV_INDEX_STRATEGY"}
    return {name: value for name, value in tool.uv_settings(NOWHERE).items() if name in names}


def test_nothing_configured_is_nothing_said(tool):
    assert said_to_uv(tool) == {}


def test_what_pip_is_told_by_its_environment_reaches_uv(tool, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels /more-wheels")
    monkeypatch.setenv("PIP_CERT", "/ca.pem")

    assert said_to_uv(tool) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_FIND_LINKS": "/wheels,/more-wheels",
        "SSL_CERT_FILE": "/ca.pem",
    }


def test_what_pip_is_told_by_a_file_reaches_uv_and_the_environment_is_above_it(tool, monkeypatch, tmp_path):
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nextra-index-url = https://one.example\n  https://two.example\nfind-links = /wheels\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_FIND_LINKS", "/others")

    # whatever else the machine's own files say stays
    assert said_to_uv(tool).items() >= {
        ("UV_INDEX", "https://one.example https://two.example"),
        ("UV_INDEX_STRATEGY", "unsafe-best-match"),
        ("UV_FIND_LINKS", "/others"),
    }


def test_what_is_set_for_uv_itself_stays(tool, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://other.example/simple")

    assert said_to_uv(tool) == {"UV_DEFAULT_INDEX": "https://other.example/simple"}


def test_a_directory_offers_torch_when_a_wheel_of_it_for_this_python_is_there(tool, tmp_path):
    (tmp_path / "torch-2.13.0+cpu-cp39-cp39-linux_x86_64.whl").touch()
    assert not tool.offers_torch(str(tmp_path))

    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    (tmp_path / f"torch-2.13.0+cpu-{tag}-{tag}-linux_x86_64.whl").touch()
    assert tool.offers_torch(str(tmp_path))


def test_a_find_links_page_that_is_not_asked_may_offer_torch(tool):
    assert tool.offers_torch("https://wheels.example/index.html")
