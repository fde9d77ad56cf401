"""TOML, without the price of a whole TOML library.

`read` understands what nearly every motools.toml is written in: tables, simple keys, one-line strings without escapes,
numbers, booleans, arrays, inline tables and comments. Whatever else it meets makes it hand the whole document to
`tomllib`, which also says what is wrong with a bad one. So it never accepts what tomllib refuses, and never answers
otherwise; it only spares the import (longer than the search for every installed plugin) when that is not needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_END = "\0"
_ENDS_A_WORD = frozenset(f" \t\n,]}}#{_END}")
_MAX_DEPTH = 16
_MAX_DIGITS = 18


def read(text: str) -> dict[str, Any]:
    """Return the tables of a TOML document. Raises ValueError, in tomllib's words, when it is not one."""
    try:
        return _Reader(text.replace("\r\n", "\n")).document()
    except _BeyondError:
        import tomllib

        return tomllib.loads(text)


class _BeyondError(Exception):
    """The document goes beyond what is understood here, or is wrong."""


class _Reader:
    """A cursor on the text. Every method leaves it behind what it has read."""

    def __init__(self, text: str) -> None:
        if not text.replace("\n", "").replace("\t", "").isprintable():
            raise _BeyondError
        self.text = f"{text}\n{_END}"
        self.at = 0
        self.closed: set[int] = set()
        """The ids of inline tables, which no header may add to. They live as long as the document, so ids are safe."""

    def document(self) -> dict[str, Any]:
        root: dict[str, Any] = {}
        table = root
        opened: set[tuple[str, ...]] = set()
        while self._skip_lines():
            if self._take("["):
                path = self._header()
                if path in opened:
                    raise _BeyondError
                opened.add(path)
                table = self._table_at(root, path)
            else:
                self._pair(table, 0)
            self._end_line()
        return root

    def _header(self) -> tuple[str, ...]:
        names = []
        while True:
            self._skip_spaces()
            names.append(self._key())
            self._skip_spaces()
            if self._take("]"):
                return tuple(names)
            self._expect(".")

    def _table_at(self, root: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        table = root
        for name in path:
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict) or id(inner) in self.closed:
                raise _BeyondError
            table = inner
        return table

    def _pair(self, table: dict[str, Any], depth: int) -> None:
        key = self._key()
        self._skip_spaces()
        self._expect("=")
        self._skip_spaces()
        if key in table:
            raise _BeyondError
        table[key] = self._value(depth)

    def _key(self) -> str:
        if self.text[self.at] in "\"'":
            return self._string()
        start = self.at
        while self.text[self.at] in _BARE:
            self.at += 1
        if start == self.at:
            raise _BeyondError
        return self.text[start : self.at]

    def _value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise _BeyondError
        if self.text[self.at] in "\"'":
            return self._string()
        if self._take("["):
            return self._array(depth + 1)
        if self._take("{"):
            return self._inline_table(depth + 1)
        start = self.at
        while self.text[self.at] not in _ENDS_A_WORD:
            self.at += 1
        return _word(self.text[start : self.at])

    def _string(self) -> str:
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            raise _BeyondError
        end = self.text.find(quote, self.at + 1)
        value = self.text[self.at + 1 : end]
        if end < 0 or "\n" in value or (quote == '"' and "\\" in value):
            raise _BeyondError
        self.at = end + 1
        return value

    def _array(self, depth: int) -> list[Any]:
        values: list[Any] = []
        while True:
            self._skip_lines()
            if self._take("]"):
                return values
            values.append(self._value(depth))
            self._skip_lines()
            if not self._take(","):
                self._expect("]")
                return values

    def _inline_table(self, depth: int) -> dict[str, Any]:
        table: dict[str, Any] = {}
        self.closed.add(id(table))
        self._skip_spaces()
        if self._take("}"):
            return table
        while True:
            self._skip_spaces()
            self._pair(table, depth)
            self._skip_spaces()
            if not self._take(","):
                self._expect("}")
                return table

    def _skip_spaces(self) -> None:
        while self.text[self.at] in " \t":
            self.at += 1

    def _skip_lines(self) -> bool:
        """Skip spaces, comments and ends of lines. Return whether anything is left."""
        while (character := self.text[self.at]) in "# \t\n":
            self.at = self.text.index("\n", self.at) if character == "#" else self.at + 1
        return character != _END

    def _end_line(self) -> None:
        self._skip_spaces()
        if self.text[self.at] not in "#\n":
            raise _BeyondError
        self.at = self.text.index("\n", self.at) + 1

    def _take(self, character: str) -> bool:
        taken = self.text.startswith(character, self.at)
        self.at += taken
        return taken

    def _expect(self, character: str) -> None:
        if not self._take(character):
            raise _BeyondError


def _word(word: str) -> bool | int | float:
    """Return the value of a word that stands without quotes: a boolean or a decimal number, and no other."""
    if word in ("true", "false"):
        return word == "true"
    mantissa, has_exponent, exponent = word.replace("E", "e").partition("e")
    whole, has_point, fraction = mantissa.partition(".")
    digits = whole[1:] if whole[:1] in ("+", "-") else whole
    power = exponent[1:] if exponent[:1] in ("+", "-") else exponent
    parts = [digits, *([fraction] if has_point else []), *([power] if has_exponent else [])]
    if not all(part.isascii() and part.isdigit() for part in parts) or len(word) > _MAX_DIGITS:
        raise _BeyondError
    if len(digits) > 1 and digits[0] == "0":
        raise _BeyondError
    return float(word) if has_point or has_exponent else int(word)


__all__ = ["read"]
