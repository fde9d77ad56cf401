"""The bytes of a dataset: one JSON object a line.

What motools writes has one form, so that a list of records has one digest wherever it is taken: UTF-8 without a byte
order mark, keys in the order given, no spaces after `,` and `:`, characters beyond ASCII as they are, no NaN and no
infinity, and a newline at the end of every line. What it reads may have any form that is JSON Lines; the digest of a
file is that of its bytes as they are, which is what `sha256sum` prints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase

LONGEST_LINE = 64 * 2**20
"""Bytes in a line beyond which a file is not read on: it is no JSON Lines."""


def encode_record(record: Mapping[str, Any]) -> bytes:
    """Return the line of a record, with its newline. Raises TypeError or ValueError on what JSON cannot hold."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    return text.encode() + b"\n"


def _plain(value: object) -> object:
    """Let mappings and sequences of other kinds than dict and list pass as what they are in JSON."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return list(value)
    raise TypeError(f"a value of type {type(value).__name__} is not JSON")


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode


def decode_line(line: bytes) -> dict[str, Any]:
    """Return the record of a line. Raises ValueError, with a sentence that says what is wrong with the line."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"is longer than {LONGEST_LINE >> 20} MiB; JSON Lines has one record a line.")
    try:
        record = _decode(line.decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8: byte 0x{line[error.start]:02x} at column {error.start + 1}.") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON: {error.msg} at column {error.colno}.") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply to be read.") from error
    except ValueError as error:
        raise ValueError(f"is not valid JSON: {error}.") from error
    if not isinstance(record, dict):
        raise ValueError(f'is {json_type(record)}, not an object; a line must look like {{"messages": […]}}.')  # noqa: TRY004 (a fault of the text, not of a type)
    return record


def json_type(value: object) -> str:
    """Return what JSON calls a value's type, with its article."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def lines(file: BufferedIOBase) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line without its end) for each line that is not blank, in the memory of one line.

    A line of more than `LONGEST_LINE` bytes is cut there and is the last; `decode_line` refuses it.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if stripped := line.rstrip():
            yield number, stripped
        if len(line) > LONGEST_LINE:
            return


def sha256(file: BufferedIOBase) -> str:
    """Return the hexadecimal sha256 of what is left of a file, in flat memory."""
    return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = ["LONGEST_LINE", "decode_line", "encode_record", "json_type", "lines", "sha256"]
