"""Which plugins `MOTOOLS_PLUGINS` lets in."""

from __future__ import annotations


class Selection:
    """What `MOTOOLS_PLUGINS` says: a list of entry-point names, with commas between.

        openai,inspect    these, and no other
        -foo,-bar         all but these
        openai,-openai    a name with `-` is out, whatever else is said
        (empty)           none

    `Selection(None)`, the variable unset, lets every name in. Spaces around names are ignored. It says which *plugins*
    may be used: what motools-core itself ships is not one, and stays.
    """

    __slots__ = ("excluded", "named", "text")

    def __init__(self, text: str | None) -> None:
        self.text = text
        words = [word.strip() for word in (text or "").split(",")]
        self.excluded = frozenset(word[1:].strip() for word in words if word.startswith("-"))
        self.named = frozenset(word for word in words if word and not word.startswith("-"))

    def allows(self, name: str) -> bool:
        """Whether a plugin of that name may be used."""
        if self.text is None:
            return True
        return name not in self.excluded and (name in self.named or (bool(self.excluded) and not self.named))

    def __repr__(self) -> str:
        return f"Selection({self.text!r})"


__all__ = ["Selection"]
