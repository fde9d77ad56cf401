"""Things in the order in which they came, read by pages from either end."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Generic, TypeVar

from fake_openai.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Thing = TypeVar("Thing")


def new_id(prefix: str) -> str:
    return f"{prefix}{uuid.uuid4().hex[:24]}"


class Shelf(Generic[Thing]):
    """A page costs what is on it, however much stands on the shelf."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._place: dict[str, int] = {}
        self._things: dict[str, Thing] = {}

    def add(self, name: str, thing: Thing) -> None:
        self._place[name] = len(self._order)
        self._order.append(name)
        self._things[name] = thing

    def get(self, name: str) -> Thing | None:
        return self._things.get(name)

    def remove(self, name: str) -> None:
        """Take a thing away; a page can still begin after where it stood."""
        del self._things[name]

    def __iter__(self) -> Iterator[Thing]:
        return iter(self._things.values())

    def page(
        self,
        *,
        after: str | None,
        limit: int,
        newest_first: bool = True,
        shown: Callable[[Thing], bool] = lambda _: True,
    ) -> tuple[list[Thing], bool]:
        """Return up to `limit` things that are `shown`, and whether more follow."""
        found: list[Thing] = []
        for name in self._names(after, newest_first=newest_first):
            thing = self._things.get(name)
            if thing is None or not shown(thing):
                continue
            if len(found) == limit:
                return found, True
            found.append(thing)
        return found, False

    def _names(self, after: str | None, *, newest_first: bool) -> Iterator[str]:
        count = len(self._order)
        if after is not None and after not in self._place:
            raise invalid(f"There is nothing with the id '{after}' to go on after.", "after")
        if newest_first:
            places = range(self._place[after] - 1 if after else count - 1, -1, -1)
        else:
            places = range(self._place[after] + 1 if after else 0, count)
        return (self._order[place] for place in places)
