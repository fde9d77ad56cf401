"""What stands between the SDK of today and a server that was written for the one of last year, and what a test may ask.

An ASGI application around TuFT's. For the SDK 0.38 it

* leaves out of requests the fields that the server's types of 0.25 do not know;
* leads a `load_weights` without a model ("make a client of this checkpoint") to a route of its own;
* gives the answer to `asample` an id for each sequence;
* answers the end of a session.

For tests, at `/_test`: POST `{"latency": seconds, "faults": [{"path", "status" or "stall", "after", "times"}]}`, GET what
was asked for so far: `{"counts": {route: number}, "rates": {model id: [learning rate of each step]}}`.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict

from tinker import types

API = "/api/v1/"
REQUESTS = {
    "create_session": "CreateSessionRequest",
    "create_model": "CreateModelRequest",
    "optim_step": "OptimStepRequest",
    "save_weights": "SaveWeightsRequest",
    "save_weights_for_sampler": "SaveWeightsForSamplerRequest",
    "load_weights": "LoadWeightsRequest",
    "create_sampling_session": "CreateSamplingSessionRequest",
    "asample": "SampleRequest",
    "retrieve_future": "FutureRetrieveRequest",
    "client/config": "ClientConfigRequest",
    "telemetry": "TelemetrySendRequest",
}
KNOWN = {
    f"{API}{route}": set(getattr(types, name).model_fields) for route, name in REQUESTS.items() if hasattr(types, name)
}
FROM_CHECKPOINT = f"{API}_from_checkpoint"


class Adapter:
    def __init__(self, app):
        self.app = app
        self.latency = 0.0
        self.faults = []
        self.counts = Counter()
        self.rates = defaultdict(list)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path == "/_test":
            await self._asked(scope, receive, send)
            return
        if self.latency:
            await asyncio.sleep(self.latency)
        route = path.removeprefix(API)
        self.counts[route] += 1
        if status := await self._fault(route):
            await answer(send, status, {"detail": "asked for by a test"})
        elif scope["method"] == "POST" and route.startswith("sessions/") and route.endswith("/finish"):
            self.counts["finish"] += 1
            await answer(send, 204)
        elif (
            scope["method"] == "POST" and path in KNOWN and b"json" in dict(scope["headers"]).get(b"content-type", b"")
        ):
            await self._translated(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _asked(self, scope, receive, send):
        if scope["method"] == "POST":
            wish = json.loads(await read(receive) or b"{}")
            self.latency = wish.get("latency", 0.0)
            self.faults = wish.get("faults", [])
        await answer(send, 200, {"counts": self.counts, "rates": self.rates})

    async def _fault(self, route):
        """Return the status to answer with, or None; a request that is to stall stays here until the faults are changed."""
        fault = next((fault for fault in self.faults if fault["path"] == route and fault.get("times", 1) > 0), None)
        if fault is None:
            return None
        if fault.get("after", 0) > 0:
            fault["after"] -= 1
            return None
        fault["times"] = fault.get("times", 1) - 1
        while fault.get("stall") and fault in self.faults:  # noqa: ASYNC110  (a test replaces the whole list)
            await asyncio.sleep(0.05)
        return fault.get("status")

    async def _translated(self, scope, receive, send):
        path = scope["path"]
        body = json.loads(await read(receive) or b"{}")
        if path == f"{API}load_weights" and body.get("model_id") is None and body.get("session_id"):
            path = FROM_CHECKPOINT
        else:
            body = {name: value for name, value in body.items() if name in KNOWN[path]}
        if path == f"{API}optim_step":
            self.rates[body["model_id"]].append(body["adam_params"]["learning_rate"])
        if path == f"{API}asample":
            if isinstance(parameters := body.get("sampling_params"), dict):
                known = types.SamplingParams.model_fields
                body["sampling_params"] = {name: value for name, value in parameters.items() if name in known}
            send = with_sequence_ids(send, body.get("num_samples", 1))
        await self.app(*replayed(scope, path, body, receive), send)


async def read(receive):
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def answer(send, status, content=None):
    body = b"" if content is None else json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers if body else []})
    await send({"type": "http.response.body", "body": body})


def with_length(headers, body):
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [*kept, (b"content-length", str(len(body)).encode())]


def replayed(scope, path, body, receive):
    """Return the scope and the `receive` that show the inner application a request as it was rewritten."""
    raw = json.dumps(body).encode()
    scope = {**scope, "path": path, "raw_path": path.encode(), "headers": with_length(scope["headers"], raw)}
    pending = [{"type": "http.request", "body": raw, "more_body": False}]

    async def replay():
        return pending.pop() if pending else await receive()

    return scope, replay


def with_sequence_ids(send, count):
    start, pieces = {}, []

    async def rewrite(message):
        if message["type"] == "http.response.start":
            start.update(message)
            return
        pieces.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(pieces)
        if start["status"] < 300:
            promise = json.loads(body)
            promise["sample_sequence_ids"] = [f"{promise['request_id']}-{number}" for number in range(count)]
            body = json.dumps(promise).encode()
        start["headers"] = with_length(start["headers"], body)
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return rewrite
