"""Serve the fake: `python tests/openai/fake_openai --port 8123 --speed 60`, then OPENAI_BASE_URL=http://127.0.0.1:8123/v1."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # else files of this folder would hide modules of Python's

from fake_openai.app import end_with_input, serve  # noqa: E402  (the path comes first)
from fake_openai.service import Service  # noqa: E402
from fake_openai.switches import KEY, PROJECT  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description="OpenAI's fine-tuning API on 127.0.0.1, in memory and for nothing.")
    parser.add_argument("--port", type=int, default=0, help="a free one if not given")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of a job's life that pass in one second")
    parser.add_argument("--key", default=KEY, help=f"the API key to let in; {KEY} if none is given")
    parser.add_argument("--end-with-input", action="store_true", help="end when the standard input does")
    arguments = parser.parse_args()
    if arguments.end_with_input:
        end_with_input()
    service = Service()
    service.set({"speed": arguments.speed, "keys": {arguments.key: PROJECT}})
    serve(service, port=arguments.port, announce=lambda url: print(f"{url}/v1", flush=True))  # noqa: T201  (for who started it)


if __name__ == "__main__":
    main()
