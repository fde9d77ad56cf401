"""What the judge said about each request of a client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from openai import AsyncOpenAI


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One fault that was found with one request."""

    request: str
    status: int
    code: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.request} -> {self.status}: {self.code} at {self.path}: {self.message}"


@dataclass(kw_only=True)
class SpecJudge:
    """Steady's address, and what it found wrong with the requests of clients that are made here.

    A request that is wrong in its structure is answered with 400. One whose value is out of range or whose text is too long
    is answered with 200 and headers that say so, which a test would miss that looks at the answers alone.
    """

    base_url: str
    requests: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def http_client(self) -> httpx2.AsyncClient:
        """Return what carries requests past the judge, for `AsyncOpenAI(http_client=…)`."""
        return httpx2.AsyncClient(event_hooks={"response": [self._look]})

    def client(self, **options: Any) -> AsyncOpenAI:
        """Return the real SDK, in front of the judge; it retries nothing."""
        from openai import AsyncOpenAI

        options = {"api_key": "sk-test", "max_retries": 0, **options}
        return AsyncOpenAI(base_url=self.base_url, http_client=self.http_client(), **options)

    def check(self) -> None:
        """Fail unless there were requests, and nothing is wrong with any of them."""
        assert self.requests, "No request came before the judge: is its http_client() in use?"
        assert not self.violations, "\n" + "\n".join(map(str, self.violations))

    async def _look(self, response: httpx2.Response) -> None:
        # it collects and does not raise: the SDK would take what a hook raises for a broken connection
        headers, request = response.headers, response.request
        told = f"{request.method} {request.url.raw_path.decode()}"
        self.requests.append(told)
        for number in range(1, int(headers.get("x-steady-error-count", 0)) + 1):
            parts = {part: headers.get(f"x-steady-error-{number}-{part}", "") for part in ("code", "path", "message")}
            self.violations.append(Violation(request=told, status=response.status_code, **parts))
