"""What goes wrong on the way, and how often: the next requests that a fault is meant for.

    before the request is accepted          after it was accepted, so that what it asked for is done
    close_before_reading                    close_after_accepting       the connection ends without an answer
    stall_before_accepting                  stall_after_accepting       the answer takes `seconds`
    error_before_accepting                  error_after_accepting       an answer of `status`, 500 if nothing else is said
    rate_limit                                                          429, with `retry_after` in its header if given
                                            accept_late                 accepted only after `seconds`, even if nobody waits
                                            garble_after_accepting      200 and a `body` that is no answer
                                            cut_after_accepting         200 and half of the body

A stall before accepting that outlasts the client leaves nothing behind; one that does not goes on as if nothing had been.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

KINDS = (
    "close_before_reading",
    "close_after_accepting",
    "stall_before_accepting",
    "stall_after_accepting",
    "error_before_accepting",
    "error_after_accepting",
    "rate_limit",
    "accept_late",
    "garble_after_accepting",
    "cut_after_accepting",
)


@dataclass(kw_only=True)
class Fault:
    """What befalls the next `times` requests after `skip` others, of a method and a path; `*` stands for anything in it."""

    method: str
    path: str
    kind: str
    times: int = 1
    skip: int = 0
    seconds: float = 30.0
    """Seconds of real time, for those that take time."""
    status: int = 500
    retry_after: float | None = None
    body: str = '{"object": "fine_tuning.job", "id": "ftjob'
    content_type: str = "application/json"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no fault {self.kind!r}; there are {', '.join(KINDS)}.")

    def matches(self, method: str, path: str) -> bool:
        return self.method in {method, "*"} and fnmatchcase(path, self.path)


class Faults:
    """The faults that are still to come, first come first served."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._coming.append(fault)

    def clear(self) -> None:
        self._coming.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return what befalls this request."""
        for fault in self._coming:
            if not fault.matches(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times == 0:
                self._coming.remove(fault)
            return fault
        return None
