"""The API, as OpenAI's description has it: what is asked, who may ask it, and what is answered."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fake_openai import happenings
from fake_openai.accounts import Account
from fake_openai.asked import Asked
from fake_openai.azure import as_azure_shows
from fake_openai.errors import ApiError, invalid
from fake_openai.shelf import Shelf, new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from fake_openai.jobs import Job
    from fake_openai.service import Service

Fields = dict[str, Any]
FILTER = re.compile(r"metadata\[(?P<key>.+)\]")
LARGEST_PAGE = {"files": 10_000, "jobs": 100}


class Api:
    """What the routes answer."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        job = "/fine_tuning/jobs/{job_id}"
        return [
            self._route("POST", "/files", self.create_file),
            self._route("GET", "/files", self.list_files),
            self._route("GET", "/files/{file_id}", self.retrieve_file),
            self._route("DELETE", "/files/{file_id}", self.delete_file),
            self._route("GET", "/files/{file_id}/content", self.file_content),
            self._route("POST", "/uploads", self.create_upload),
            self._route("POST", "/uploads/{upload_id}/parts", self.create_part),
            self._route("POST", "/uploads/{upload_id}/complete", self.complete_upload),
            self._route("POST", "/uploads/{upload_id}/cancel", self.cancel_upload),
            self._route("POST", "/fine_tuning/jobs", self.create_job),
            self._route("GET", "/fine_tuning/jobs", self.list_jobs),
            self._route("GET", job, self.retrieve_job),
            self._route("GET", f"{job}/events", self.list_events),
            self._route("GET", f"{job}/checkpoints", self.list_checkpoints),
            self._route("POST", f"{job}/cancel", self.cancel_job),
            self._route("POST", f"{job}/pause", self.pause_job),
            self._route("POST", f"{job}/resume", self.resume_job),
            self._route("GET", "/fine_tuning/model_limits", self.model_limits),
            self._route("GET", "/models", self.list_models),
            self._route("GET", "/models/{model:path}", self.retrieve_model),
            self._route("DELETE", "/models/{model:path}", self.delete_model),
        ]

    def _route(
        self, method: str, path: str, answer: Callable[[Request, Account], Awaitable[Response | Fields]]
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                account = Account.of(request.headers, self._service.switches.keys)
                self._service.jobs.settle()
                answered = await answer(request, account)
            except ApiError as error:
                answered = JSONResponse(error.body, status_code=error.status)
            response = answered if isinstance(answered, Response) else JSONResponse(answered)
            response.headers["x-request-id"] = new_id("req_")
            return response

        return Route(path, endpoint, methods=[method])

    async def create_file(self, request: Request, account: Account) -> Fields:
        async with request.form(max_part_size=2**40) as form:
            sent, purpose = form.get("file"), form.get("purpose")
            if sent is None or isinstance(sent, str):
                raise invalid("Missing required parameter: 'file'.", "file")
            seconds = form.get("expires_after[seconds]")
            file = self._service.files.add(
                account,
                await sent.read(),
                filename=sent.filename or "upload",
                purpose=str(purpose),
                lifetime=None if seconds is None else float(str(seconds)),
            )
        self._service.charge("file", file.id, account, {"purpose": file.purpose, "filename": file.filename})
        return file.payload(self._now)

    async def list_files(self, request: Request, account: Account) -> Fields:
        query = request.query_params
        files, has_more = self._service.files.page(
            account,
            after=query.get("after"),
            limit=_limit(request, default=10_000, largest=10_000),
            newest_first=query.get("order", "desc") == "desc",
            purpose=query.get("purpose"),
        )
        return _page([file.payload(self._now) for file in files], has_more=has_more)

    async def retrieve_file(self, request: Request, account: Account) -> Fields:
        return self._service.files.get(account, request.path_params["file_id"]).payload(self._now)

    async def delete_file(self, request: Request, account: Account) -> Fields:
        self._service.files.delete(account, request.path_params["file_id"])
        return {"object": "file", "deleted": True, "id": request.path_params["file_id"]}

    async def file_content(self, request: Request, account: Account) -> Response:
        file = self._service.files.get(account, request.path_params["file_id"])
        is_coded = file.purpose == "fine-tune-results" and self._service.switches.result_encoding == "base64"
        content = base64.b64encode(file.content) if is_coded else file.content
        return Response(content, media_type="application/octet-stream")

    async def create_upload(self, request: Request, account: Account) -> Fields:
        body = await _json(request)
        upload = self._service.uploads.create(account, body)
        self._service.charge("upload", upload.id, account, body)
        return upload.payload(self._now)

    async def create_part(self, request: Request, account: Account) -> Fields:
        async with request.form(max_part_size=2**40) as form:
            data = form.get("data")
            if data is None:
                raise invalid("Missing required parameter: 'data'.", "data")
            content = data.encode() if isinstance(data, str) else await data.read()
        return self._service.uploads.add_part(account, request.path_params["upload_id"], content)

    async def complete_upload(self, request: Request, account: Account) -> Fields:
        body = await _json(request)
        upload = self._service.uploads.complete(
            account, request.path_params["upload_id"], body.get("part_ids") or [], body.get("md5")
        )
        return upload.payload(self._now)

    async def cancel_upload(self, request: Request, account: Account) -> Fields:
        return self._service.uploads.cancel(account, request.path_params["upload_id"]).payload(self._now)

    async def create_job(self, request: Request, account: Account) -> Fields:
        body = await _json(request)
        return self._shown(self._service.submit(account, Asked.read(body), body))

    async def list_jobs(self, request: Request, account: Account) -> Fields:
        switches = self._service.switches
        heeds = switches.filters_metadata and not switches.azure
        jobs, has_more = self._service.jobs.page(
            account,
            after=request.query_params.get("after"),
            limit=_limit(request, default=20, largest=100),
            metadata=_metadata_filter(request) if heeds else {},
        )
        return {"object": "list", "data": [self._shown(job) for job in jobs], "has_more": has_more}

    async def retrieve_job(self, request: Request, account: Account) -> Fields:
        return self._shown(self._job(request, account))

    async def list_events(self, request: Request, account: Account) -> Fields:
        told = happenings.events(self._job(request, account), self._now, azure=self._service.switches.azure)
        found, has_more = _cut(told, request, default=20)
        return {"object": "list", "data": found, "has_more": has_more}

    async def list_checkpoints(self, request: Request, account: Account) -> Fields:
        kept = happenings.checkpoints(self._job(request, account), self._now)
        found, has_more = _cut(kept, request, default=10)
        return _page(found, has_more=has_more)

    async def cancel_job(self, request: Request, account: Account) -> Fields:
        job = self._job(request, account)
        self._service.jobs.cancel(job)
        return self._shown(job)

    async def pause_job(self, request: Request, account: Account) -> Fields:
        job = self._job(request, account)
        self._service.jobs.pause(job)
        return self._shown(job)

    async def resume_job(self, request: Request, account: Account) -> Fields:
        job = self._job(request, account)
        self._service.jobs.resume(job)
        return self._shown(job)

    async def model_limits(self, request: Request, account: Account) -> Fields:
        if not self._service.switches.offers_model_limits:
            raise ApiError(404, f"Invalid URL (GET {request.url.path})")
        return self._service.limits.payload()

    async def list_models(self, request: Request, account: Account) -> Fields:
        return {"object": "list", "data": self._service.models.list(account)}

    async def retrieve_model(self, request: Request, account: Account) -> Fields:
        return self._service.models.get(account, request.path_params["model"])

    async def delete_model(self, request: Request, account: Account) -> Fields:
        self._service.models.delete(account, request.path_params["model"])
        return {"id": request.path_params["model"], "object": "model", "deleted": True}

    @property
    def _now(self) -> float:
        return self._service.clock.now()

    def _job(self, request: Request, account: Account) -> Job:
        return self._service.jobs.get(account, request.path_params["job_id"])

    def _shown(self, job: Job) -> Fields:
        payload = job.payload(self._now)
        if self._service.switches.azure:
            return as_azure_shows(payload)
        return payload if self._service.switches.echoes_metadata else {**payload, "metadata": None}


async def _json(request: Request) -> Fields:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise ApiError(400, "The body of your request is no JSON object.")
    return body


def _limit(request: Request, *, default: int, largest: int) -> int:
    given = request.query_params.get("limit", str(default))
    if not given.isdecimal() or not 1 <= int(given) <= largest:
        raise invalid(f"Invalid 'limit': {given!r} is not between 1 and {largest}.", "limit")
    return int(given)


def _metadata_filter(request: Request) -> dict[str, str]:
    named = ((FILTER.fullmatch(name), value) for name, value in request.query_params.items())
    return {match["key"]: value for match, value in named if match}


def _cut(things: list[Fields], request: Request, *, default: int) -> tuple[list[Fields], bool]:
    """Return the page that is asked for, of things that are newest first."""
    shelf: Shelf[Fields] = Shelf()
    for thing in things:
        shelf.add(thing["id"], thing)
    limit = _limit(request, default=default, largest=LARGEST_PAGE["jobs"])
    return shelf.page(after=request.query_params.get("after"), limit=limit, newest_first=False)


def _page(data: list[Fields], *, has_more: bool) -> Fields:
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }
