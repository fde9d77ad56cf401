"""Answers of a server, as the SDK makes them: it checks little, so that a page of a proxy passes for a job or a list.

What is none is a `ValueError` here, as JSON that cannot be read is one of the SDK: both are told as a service that cannot
be asked just now, and never as a job in some state or as an empty list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from openai.pagination import AsyncCursorPage


class _Named(Protocol):
    id: str


T = TypeVar("T")
N = TypeVar("N", bound=_Named)
P = TypeVar("P")


def whole(answer: N) -> N:
    """Return what has an id of its own, a job or a file. Raises `ValueError` for what has none."""
    if not isinstance(getattr(answer, "id", None), str) or not answer.id:
        raise ValueError("it has no id")
    return answer


async def page_in(asking: Awaitable[P]) -> P:
    """Return the page of a list that was asked for. Raises `ValueError` for what is none."""
    try:
        page = await asking
    except AttributeError as error:  # what the SDK makes of a list that is none, before it hands it over
        raise ValueError("it is no list") from error
    if not isinstance(getattr(page, "data", None), list):
        raise ValueError("it is no list")  # noqa: TRY004 (it is told as what cannot be read)
    return page


async def pages_of(asking: Awaitable[AsyncCursorPage[T]]) -> AsyncIterator[AsyncCursorPage[T]]:
    """Yield the pages of a list from the first one on, whose asking is given. Raises `ValueError` as `page_in` does."""
    page = await page_in(asking)
    yield page
    while page.has_next_page():
        page = await page_in(page.get_next_page())
        yield page


__all__ = ["page_in", "pages_of", "whole"]
