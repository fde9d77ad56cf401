"""The way from the socket to the service and back, on which requests are counted and faults happen."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from fake_openai.paths import address, template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fake_openai.faults import Fault
    from fake_openai.service import Service

SERVER_ERROR = {
    "error": {
        "message": "The server had an error while processing your request. Sorry about that!",
        "type": "server_error",
        "param": None,
        "code": None,
    }
}
RATE_LIMITED = {
    "error": {
        "message": "Rate limit reached for requests. Please try again later.",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
}


class OpenProtocol(H11Protocol):
    """HTTP as uvicorn speaks it; the application can get at the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Wire:
    """Count every request, and let a fault befall it if one is due."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = address(scope["path"])
        if path is None:
            await self._app(scope, receive, send)
            return
        self._service.requests[f"{scope['method']} {template(path)}"] += 1
        fault = self._service.faults.take(scope["method"], path)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await BEFALLS[fault.kind](Exchange(self._app, scope, receive, send), fault)


class Exchange:
    """One request on its way, and what can be done with it."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send

    async def read(self) -> bytes:
        """Return the request's body. To be asked for once."""
        body = b""
        while (message := await self._receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        return body

    async def accept(self, body: bytes) -> list[Message]:
        """Let the service do what is asked, and return its answer, which nobody has seen yet."""
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            answer.append(message)

        await self._app(self._scope, receive, send)
        return answer

    async def answer(self, messages: list[Message]) -> None:
        for message in messages:
            await self._send(message)

    async def answer_json(self, status: int, fields: object, headers: dict[str, str] | None = None) -> None:
        await self.answer(_response(status, json.dumps(fields).encode(), headers or {}))

    async def cut(self) -> None:
        """End the connection as it is."""
        self._scope["state"]["transport"].abort()
        await self.is_left(within=None)

    async def is_left(self, within: float | None) -> bool:
        """Wait until the client has gone, for so many seconds at most, and return whether it has."""
        try:
            async with asyncio.timeout(within):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True


async def close_before_reading(exchange: Exchange, _: Fault) -> None:
    await exchange.cut()


async def close_after_accepting(exchange: Exchange, _: Fault) -> None:
    await exchange.accept(await exchange.read())
    await exchange.cut()


async def stall_before_accepting(exchange: Exchange, fault: Fault) -> None:
    body = await exchange.read()
    if not await exchange.is_left(within=fault.seconds):
        await exchange.answer(await exchange.accept(body))


async def stall_after_accepting(exchange: Exchange, fault: Fault) -> None:
    answer = await exchange.accept(await exchange.read())
    if not await exchange.is_left(within=fault.seconds):
        await exchange.answer(answer)


async def error_before_accepting(exchange: Exchange, fault: Fault) -> None:
    await exchange.read()
    await exchange.answer_json(fault.status, SERVER_ERROR)


async def error_after_accepting(exchange: Exchange, fault: Fault) -> None:
    await exchange.accept(await exchange.read())
    await exchange.answer_json(fault.status, SERVER_ERROR)


async def rate_limit(exchange: Exchange, fault: Fault) -> None:
    await exchange.read()
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    await exchange.answer_json(429, RATE_LIMITED, headers)


async def accept_late(exchange: Exchange, fault: Fault) -> None:
    body = await exchange.read()
    await asyncio.sleep(fault.seconds)
    await exchange.answer(await exchange.accept(body))


async def garble_after_accepting(exchange: Exchange, fault: Fault) -> None:
    await exchange.accept(await exchange.read())
    await exchange.answer(_response(200, fault.body.encode("latin-1"), {"content-type": fault.content_type}))


async def cut_after_accepting(exchange: Exchange, _: Fault) -> None:
    start, *rest = await exchange.accept(await exchange.read())
    body = b"".join(message.get("body", b"") for message in rest)
    await exchange.answer([start, {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}])
    await exchange.cut()


def _response(status: int, body: bytes, headers: dict[str, str]) -> list[Message]:
    fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    return [
        {"type": "http.response.start", "status": status, "headers": encoded},
        {"type": "http.response.body", "body": body},
    ]


BEFALLS: dict[str, Callable[[Exchange, Fault], Awaitable[Any]]] = {
    act.__name__: act
    for act in (
        close_before_reading,
        close_after_accepting,
        stall_before_accepting,
        stall_after_accepting,
        error_before_accepting,
        error_after_accepting,
        rate_limit,
        accept_late,
        garble_after_accepting,
        cut_after_accepting,
    )
}
