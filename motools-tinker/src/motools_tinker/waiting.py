"""Waiting for the service with an eye on the clock, on a cancellation and on what the SDK says in its log.

The SDK polls for a result without an end, and says of a pause (no capacity, no money) only in its log. So every wait of
the driver goes through here: after a while the run's progress says what it waits for, and after the patience the wait is
given up.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

from motools_tinker.problems import Stalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from motools.detached import Worker

T = TypeVar("T")

LOOK = 0.2
"""Seconds between two looks for a cancellation."""
WORTH_SAYING = 10.0
"""Seconds of waiting after which the progress says so."""
PAUSE_HOLDS = 180.0
"""Seconds for which a pause is believed: the SDK repeats it every minute."""


class SdkLog(logging.Handler):
    """Keeps the SDK's warnings, but for one that comes with every poll, and remembers the latest word about a pause."""

    NOISE = "because of try_again"

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._paused: tuple[float, str] | None = None

    def attach(self) -> None:
        """Listen to the SDK from now on; what it says goes on to the run's log."""
        sdk = logging.getLogger("tinker")
        sdk.addHandler(self)
        sdk.setLevel(logging.WARNING)
        for handler in logging.getLogger().handlers:
            handler.addFilter(lambda record: self.NOISE not in record.getMessage())

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "paused" in message:
            self._paused = (time.monotonic(), message)

    @property
    def pause(self) -> str | None:
        """What the SDK said of a pause that still lasts, as far as it is known."""
        if self._paused is None or time.monotonic() - self._paused[0] > PAUSE_HOLDS:
            return None
        return self._paused[1]


class Waiting:
    """Waits for the driver of one run."""

    def __init__(self, worker: Worker, *, patience: float, sdk_log: SdkLog) -> None:
        self._worker, self._patience, self._sdk_log = worker, patience, sdk_log
        self._deadline: float | None = None

    def hurry(self, seconds: float) -> None:
        """From now on wait so long at most, whatever is waited for, and no longer listen for a cancellation."""
        self._deadline = time.monotonic() + seconds

    def result(self, future: Future[T], what: str) -> T:
        """Return the result of a future. Raises what it raises, `Stalled`, or `CancelRequested`."""
        began = last_sign = time.monotonic()
        while not wait([future], LOOK).done:
            now, pause = time.monotonic(), self._sdk_log.pause
            last_sign = now if pause else last_sign
            self._look(what, now, last_sign)
            if now - began > WORTH_SAYING:
                self._tell(what, now - began, pause)
        if time.monotonic() - began > WORTH_SAYING:
            self._worker.progress(message=None)
        return future.result()

    def _look(self, what: str, now: float, last_sign: float) -> None:
        """Raise where there is a reason not to wait any longer."""
        if self._deadline is None:
            self._worker.check_cancel()
        elif now > self._deadline:
            raise Stalled(f"There was no time left to wait for {what}.")
        if now - last_sign > self._patience:
            raise Stalled(f"The service has not answered for {now - last_sign:.0f} s; it was asked for {what}.")

    def call(self, function: Callable[[], T], what: str) -> T:
        """Return what a function returns that may block for any time; it runs beside."""
        return self.result(beside(function), what)

    def sleep(self, seconds: float, why: str) -> None:
        """Do nothing for a while, and say why. Raises `CancelRequested`."""
        self._worker.progress(message=why)
        self._worker.flush()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._worker.check_cancel()
            time.sleep(min(LOOK, max(0.0, until - time.monotonic())))

    def _tell(self, what: str, seconds: float, pause: str | None) -> None:
        reason = f": {pause}" if pause else ""
        self._worker.progress(message=f"waiting for capacity, {what} for {seconds:.0f} s{reason}")


def beside(function: Callable[[], T]) -> Future[T]:
    """Run a function in a thread that does not keep the process alive."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001  (it is raised where the result is asked for)
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


__all__ = ["SdkLog", "Waiting", "beside"]
