"""What code is: the file that it was loaded from, as long as that still says the same, else what it was compiled to.

A notebook goes on with what it has loaded when a file is edited, and what it then measures is of the code as it was.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from motools_inspect.packages import file_digest
from motools_inspect.reading import can_be_edited

if TYPE_CHECKING:
    from collections.abc import Iterator


def digest_of_code(code: CodeType) -> str:
    """Return a digest of the file that code is in, or of the code as it was compiled where none has it, or not any more."""
    path = Path(code.co_filename)
    if not path.is_file():
        return _compiled(code)
    digest = file_digest(path)
    if not can_be_edited(str(path)) or _compiled(code) in _codes_in(path, digest):
        return digest
    return _compiled(code)


@lru_cache(maxsize=1024)
def _codes_in(path: Path, _digest: str) -> frozenset[str]:
    """Return the digests of all code that is in a file as it is now."""
    try:
        whole = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):  # it is being written, or is no Python
        return frozenset()
    return frozenset(_compiled(each) for each in _within(whole))


def _within(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _within(each)


def _compiled(code: CodeType) -> str:
    constants = [_constant(each) for each in code.co_consts]
    return hashlib.sha256(code.co_code + repr((code.co_names, constants)).encode()).hexdigest()


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return _compiled(value)
    if isinstance(value, (frozenset, tuple)):
        parts = [_constant(each) for each in value]
        return str(sorted(parts) if isinstance(value, frozenset) else parts)
    return repr(value)


__all__ = ["digest_of_code"]
