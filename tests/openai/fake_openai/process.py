"""A fake in a process of its own, and what tests ask of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fake_openai.switches import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).resolve().parent


class FakeOpenAI:
    """The address of a running fake, a key for it, and its control. Every method is one short request, in step."""

    key = KEY

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        """For `AsyncOpenAI(base_url=…)`, with the `/v1`."""
        self._address = urlsplit(base_url).netloc

    @classmethod
    @contextlib.contextmanager
    def started(cls, *, port: int = 0) -> Iterator[FakeOpenAI]:
        """Start one on a free port, and end it. It also ends with this process, however that ends."""
        command = [sys.executable, str(HERE), "--end-with-input", "--port", str(port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            if not base_url:
                raise RuntimeError("The fake of OpenAI did not start; what it wrote stands above.")
            yield cls(base_url)
            process.stdin.close()
            process.wait(timeout=30)

    @property
    def azure_endpoint(self) -> str:
        """For `AsyncAzureOpenAI(azure_endpoint=…)`."""
        return self.base_url.removesuffix("/v1")

    def reset(self) -> None:
        """Forget everything, and behave."""
        self._ask("reset")

    def set(self, **switches: object) -> None:
        """Change switches; `fake_openai.switches` says which there are."""
        self._ask("set", switches)

    def now(self) -> float:
        """Return the time of the service's clock."""
        return float(self._ask("now"))

    def advance(self, seconds: float) -> None:
        """Let so many seconds have passed for the service."""
        self._ask("advance", {"seconds": seconds})

    def plan(self, job_id: str, **changes: object) -> None:
        """Let one job go otherwise: any field of `fake_openai.lifecycle.Plan`, such as `outcome`, `steps` or `status`."""
        self._ask("plan", {"job_id": job_id, **changes})

    def populate(self, count: int, body: Mapping[str, object], **account: str) -> list[str]:
        """Create many jobs at once from one body, and return their ids; they are on no bill."""
        return list(self._ask("populate", {"count": count, "body": body, **account}))

    def fault(self, method: str, path: str, kind: str, **details: object) -> None:
        """Say what befalls the next request to a path such as "/fine_tuning/jobs"; `fake_openai.faults` has the kinds."""
        self._ask("fault", {"method": method, "path": path, "kind": kind, **details})

    def mend(self) -> None:
        """Let no fault be to come."""
        self._ask("mend")

    def bill(self, kind: str = "job") -> list[dict[str, Any]]:
        """Return what was accepted of a kind, "job", "file" or "upload": id, time, organisation, project and body."""
        return [item for item in self._ask("bill") if item["kind"] == kind]

    def requests(self) -> Counter[str]:
        """Return how many requests came, by method and path: `{"GET /fine_tuning/jobs/{id}": 3}`."""
        return Counter(self._ask("requests"))

    def _ask(self, verb: str, arguments: Mapping[str, object] | None = None) -> Any:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            connection.request("POST", f"/_control/{verb}", json.dumps(arguments or {}))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["result"]
