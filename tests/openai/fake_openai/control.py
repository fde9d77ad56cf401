"""What tests ask of the service behind the API's back: POST /_control/VERB with a JSON object of arguments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from fake_openai.accounts import Account
from fake_openai.asked import Asked
from fake_openai.errors import ApiError
from fake_openai.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from fake_openai.service import Service


class Control:
    """One method a verb."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        verbs: list[Callable[..., Any]] = [
            self.reset,
            self.set,
            self.now,
            self.advance,
            self.plan,
            self.populate,
            self.fault,
            self.mend,
            self.bill,
            self.requests,
        ]
        return [Route(f"/{verb.__name__}", _endpoint(verb), methods=["POST"]) for verb in verbs]

    def reset(self) -> None:
        self._service.reset()

    def set(self, **changes: Any) -> None:
        self._service.set(changes)

    def now(self) -> float:
        return self._service.clock.now()

    def advance(self, seconds: float) -> float:
        self._service.clock.advance(seconds)
        return self._service.clock.now()

    def plan(self, job_id: str, **changes: Any) -> None:
        jobs = self._service.jobs
        jobs.replan(jobs.anyones(job_id), changes)

    def populate(
        self, count: int, body: dict[str, Any], organization: str = Account.organization, project: str = Account.project
    ) -> list[str]:
        """Create many jobs at once, which cost nothing and heed no limit; the training file must be there."""
        account, asked = Account(organization=organization, project=project), Asked.read(body)
        return [self._service.jobs.create(account, asked).id for _ in range(count)]

    def fault(self, **fields: Any) -> None:
        self._service.faults.add(Fault(**fields))

    def mend(self) -> None:
        self._service.faults.clear()

    def bill(self) -> list[dict[str, Any]]:
        return self._service.bill

    def requests(self) -> dict[str, int]:
        return self._service.requests


def _endpoint(verb: Callable[..., Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> JSONResponse:
        try:
            return JSONResponse({"result": verb(**json.loads(await request.body()))})
        except (TypeError, ValueError, ApiError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return endpoint
