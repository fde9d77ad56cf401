"""The mark of an argument that was not given, where None means something."""

from __future__ import annotations


class Unset:
    """The type of UNSET, which is its one instance."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()

__all__ = ["UNSET", "Unset"]
