"""`motools plugin new`: a distribution to start from."""

from __future__ import annotations

from pathlib import Path

import click

from motools.cli.output import put, put_json
from motools.scaffold import KINDS, write_plugin
from motools.scaffold.naming import naming


@click.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice([*KINDS]), default="training", show_default=True, help="What it is to be.")
@click.option("--directory", type=click.Path(path_type=Path), metavar="DIR", help="Where; by default ./motools-NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def new_command(*, name: str, kind: str, directory: Path | None, as_json: bool) -> None:
    """Write a plugin called NAME: a distribution that can be installed and tested as it is.

    It has its entry points, a typed class, a hook module, and a contract test that passes against a fake of the invented
    service that it is for. Then it is yours: put the real service in the place of the invented one. Nothing that is there
    is overwritten.

    JSON fields: name, kind, distribution, directory and files (a list of paths in it).
    """
    named = naming(name, kind)
    place = Path(named.distribution) if directory is None else directory
    files = write_plugin(named, kind, place)
    if as_json:
        fields = {"name": named.name, "kind": kind, "distribution": named.distribution}
        put_json(fields | {"directory": str(place), "files": files})
        return
    put("\n".join([f"Written to {place}:", *(f"    {each}" for each in files)]))
    put(f'\nNext:\n    cd {place}\n    python -m pip install -e ".[tests]"\n    python -m pytest')
    put(f"    motools plugin check {named.distribution} --tests tests")
    put("\nChoose a licence before you publish it: pyproject.toml says where.")


__all__ = ["new_command"]
