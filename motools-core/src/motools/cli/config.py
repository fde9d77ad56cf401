"""`motools config`: every setting and where it comes from, the layers around each backend, and what one can be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from motools.cli.assignments import assignments
from motools.cli.lazy import about
from motools.cli.output import put, put_json, say, table
from motools.errors import MotoolsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from motools.plugins.described import Described, Layered, Told

HEADINGS = ("NAME", "TYPE", "VALUE", "FROM", "DEFAULT", "WHAT IT IS")


@click.command("config")
@click.option("-b", "--backend", metavar="NAME", help="What this backend can be told, and what holds of it.")
@click.option("--kind", type=click.Choice(["training", "eval"]), help="Of a name that is both, only this one.")
@assignments("-o", "--option", "options", help_text="An option of the backend, as for `motools train`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def config_command(*, backend: str | None, kind: str | None, options: dict[str, Any], as_json: bool) -> None:
    """Show every setting and where it comes from: a MOTOOLS_* variable, a file, or the default; and the layers of each backend.

    With --backend, which imports that plugin: its options and those of its layers, its hyperparameters and keywords (of an
    evaluation its parameters), each with its type and range, what holds and where that comes from (argument, environment
    variable, file, default). What is secret is never shown. The exit status is 2 where something is wrong, and the rest is shown all the same.

    JSON fields: file (or null), settings, a list of {name, value, origin}, and layers, a list of {backend, kind, layers,
    origin, problem}. With --backend a list, one of each kind, of name, use (the backend that an alias stands for), kind,
    source, layers, layers_origin, settings ({part, name, type, range, default, required, value, origin, description}),
    undeclared, keys (whether each variable is set) and problem.
    """
    if backend is None:
        if kind or options:
            raise UsageError("--kind and -o are about one backend: name it with --backend.")
        _show_all(as_json=as_json)
        return
    from motools.plugins.described import describe

    about(f"backend {backend!r}")
    found = describe(backend, kind, options)
    if as_json:
        put_json([each.as_dict() for each in found])
    else:
        put("\n\n\n".join(map(_described, found)))
    _end([each.problem for each in found])


def _show_all(*, as_json: bool) -> None:
    from motools.config import current
    from motools.doctor.configuration import dead_ends
    from motools.plugins.catalogue import catalogue
    from motools.plugins.described import layers_of_all

    config, layered = current(), layers_of_all()
    rows = config.rows()
    if as_json:
        settings = [{"name": name, "value": value, "origin": origin} for name, value, origin in rows]
        put_json({"file": config.path, "settings": settings, "layers": [each.as_dict() for each in layered]})
    else:
        put(table(("SETTING", "VALUE", "FROM"), [(name, _text(value), origin) for name, value, origin in rows]))
        chains = [(each.backend, each.kind or "", _chain(each), each.origin) for each in layered]
        put("\n" + table(("BACKEND", "KIND", "LAYERS", "FROM"), chains))
        put(f"\nFile: {config.path or 'no motools.toml from here upwards'}")
    for each in dead_ends(catalogue()):
        say(f"{each.what} {each.remedy}")
    _end([_of_the_store(config.cache), *(each.problem for each in layered)])


def _of_the_store(cache: str | None) -> MotoolsError | None:
    """Return why the configured store cannot be opened, as far as that is known without importing what opens it."""
    from motools.plugins.stores import offer_of

    try:
        if cache is not None:
            offer_of(cache)
    except MotoolsError as error:
        return error
    return None


def _end(problems: Sequence[Exception | None]) -> None:
    """Raise what is wrong, once each."""
    if found := list({str(problem): problem for problem in problems if problem is not None}.values()):
        for other in found[1:]:
            found[0].add_note(str(other))
        raise found[0]


def _described(found: Described) -> str:
    name = found.layered.backend + ("" if found.use == found.layered.backend else f", which is {found.use}")
    lines = [f"{name} ({found.layered.kind}) of {found.source}" if found.source else f"{name} ({found.layered.kind})"]
    lines.append(f"Layers: {_chain(found.layered)} ({found.layered.origin})")
    lines += [f"{variable} is {'set' if is_set else 'not set'}." for variable, is_set in found.keys.items()]
    lines += [f"It declares no {part}s: what is given it judges itself." for part in found.undeclared]
    parts: Mapping[str, list[Told]] = {}
    for told in found.settings:
        parts = {**parts, told.part: [*parts.get(told.part, ()), told]}
    tables = [f"{_several(part)}\n{_table(rows)}" for part, rows in parts.items()]
    return "\n\n".join(["\n".join(lines), *tables])


def _several(part: str) -> str:
    what, of, layer = part.partition(" of ")
    return f"{what.capitalize()}s{of}{layer}"


def _table(rows: Sequence[Told]) -> str:
    shown = [told.as_dict() for told in rows]
    return table(
        HEADINGS,
        [
            (
                row["name"],
                row["type"] + (f", {row['range']}" if row["range"] else ""),
                "" if row["required"] else _text(row["value"]),
                "each request" if row["required"] else row["origin"],
                "none" if row["required"] else _text(row["default"]),
                row["description"] or "",
            )
            for row in shown
        ],
    )


def _chain(layered: Layered) -> str:
    return " > ".join(layered.layers) or "none"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


__all__ = ["config_command"]
