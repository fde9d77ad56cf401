"""A fake of OpenAI's fine-tuning API, the judge that knows its description, and clients for both."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for the packages of this folder, which benchmarks import as well

from fake_openai.process import FakeOpenAI  # noqa: E402  (a test folder is no package)
from spec_judge import steady  # noqa: E402
from spec_judge.judging import SpecJudge  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from openai import AsyncOpenAI


@pytest.fixture(scope="session")
def _running_service() -> Iterator[FakeOpenAI]:
    with FakeOpenAI.started() as service:
        yield service


@pytest.fixture
def service(_running_service: FakeOpenAI) -> FakeOpenAI:
    """Return a service in which nothing has happened yet."""
    _running_service.reset()
    return _running_service


@pytest.fixture
async def client(service: FakeOpenAI) -> AsyncIterator[AsyncOpenAI]:
    """Return the real SDK, pointed at the service; it retries nothing."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key=service.key, base_url=service.base_url, max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
async def openai_backend(service: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """Return what makes backends at the service, which look often; they are closed at the end."""
    from motools.training.backends import OpenAITrainingBackend

    for name in ("OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", service.key)
    made = []

    def make(**options: Any) -> Any:
        given = {} if "client" in options else {"base_url": service.base_url}
        made.append(OpenAITrainingBackend(**{**given, "poll": 0.02, **options}))
        return made[-1]

    yield make
    for backend in made:
        await backend.aclose()


@pytest.fixture
def data(tmp_path: Path, training_lines: bytes) -> Path:
    """Return a training file."""
    path = tmp_path / "train.jsonl"
    path.write_bytes(training_lines)
    return path


@pytest.fixture(scope="session")
def steady_url() -> Iterator[str]:
    """Return the address of a running Steady, which has no /v1."""
    with steady.running() as url:
        yield url


@pytest.fixture
def judge(steady_url: str) -> Iterator[SpecJudge]:
    """Return a judge; the test fails if it sees no request, or finds fault with any."""
    judge = SpecJudge(base_url=steady_url)
    yield judge
    judge.check()


@pytest.fixture(scope="session")
def training_lines() -> bytes:
    """Return a training file of ten lines, as few as the service takes."""
    return b"".join(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": f"question {n}"},
                    {"role": "assistant", "content": "Hello, World!"},
                ]
            }
        ).encode()
        + b"\n"
        for n in range(10)
    )
