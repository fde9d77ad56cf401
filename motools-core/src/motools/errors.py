"""Everything motools raises on purpose.

    MotoolsError
    ├── UsageError                the request itself cannot be understood or granted
    │   ├── ConfigError           motools.toml or a MOTOOLS_* variable says something wrong
    │   ├── SettingError          an option or hyperparameter is unknown, of a wrong type or out of range
    │   ├── BudgetExceeded        a run would cost more than its ceiling, or nobody knows what it costs
    │   ├── DatasetError          the training data cannot be used; every finding has its line
    │   ├── SpecError             a value cannot be part of a cache key
    │   ├── HandleError           a saved run or job cannot be read
    │   ├── ModelNotFound         nothing answers to that model name
    │   ├── TaskNotFound          nothing answers to that evaluation name
    │   ├── BackendNotFound       nothing installed offers that name
    │   └── PluginError           an installed plugin cannot be used
    │       ├── PluginDisabled        switched off by configuration
    │       ├── PluginConflict        two distributions claim one name
    │       ├── PluginIncompatible    written for another major version of the plugin API
    │       ├── PluginBroken          it fails to import, or is not what it claims to be
    │       └── PluginRequired        the configuration requires it, and it is not there
    ├── CacheError                the record of paid work refuses
    │   ├── CacheCorrupt          what is stored cannot be trusted
    │   ├── TransitionRefused     a state change is not allowed, or somebody else got there first
    │   └── NeedsPerson           whether something was submitted cannot be found out from here
    ├── SubmissionError           a submission did not come back with a run
    │   ├── SubmitRejected        refused: nothing was started, the same request will be refused again
    │   ├── SubmitUnavailable     nothing was started, trying later may work
    │   │   └── NoSlot                the account has as many runs as it may have, for now
    │   └── SubmitUncertain       something may have been started: look before asking again
    ├── ServiceUnavailable        a service could not be asked; what was started goes on
    └── RunError                  a run or job that was started did not end well
        ├── RunFailed             the service ran it, and it failed
        ├── RunCancelled          it was cancelled
        └── RunLost               the service no longer knows it

Errors pickle: arguments are kept as given (and as attributes), the sentence is made in `__str__`. A vendor's
exception is always the `__cause__`. No message holds a key or token.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar

OFFICIAL_DISTRIBUTIONS = {
    "openai": "motools-openai",
    "tinker": "motools-tinker",
    "inspect": "motools-inspect",
    "local": "motools-local",
}
"""Names for which we may say `pip install`: a guess for anybody else's would install a stranger's package."""

OFFICIAL_KINDS = {"openai": "training", "tinker": "training", "inspect": "eval", "local": "training"}
"""What kind of backend each of them is."""


class MotoolsError(Exception):
    """The base of all that motools raises on purpose."""

    exit_status: ClassVar[int] = 1
    """What the command line exits with: 1 the work failed, 2 wrong usage or configuration."""


class UsageError(MotoolsError):
    """The request itself cannot be understood or granted; nothing was started."""

    exit_status = 2


class ConfigError(UsageError):
    """A motools.toml or a MOTOOLS_* variable says something wrong."""


class SettingError(UsageError):
    """An option or hyperparameter is unknown, of a wrong type or out of range."""


class BudgetExceeded(UsageError):
    """A run would, or may, cost more than the ceiling that it is held to: nothing was uploaded or submitted.

    `cost` is the estimate in `currency`, or None where it is not known; `ceiling` is in US dollars; `assumptions` are
    sentences that say what the estimate rests on, and what is missing for one.
    """

    def __init__(
        self, cost: float | None, ceiling: float, currency: str = "USD", assumptions: Sequence[str] = ()
    ) -> None:
        super().__init__(cost, ceiling, currency, assumptions)
        self.cost, self.ceiling, self.currency, self.assumptions = cost, ceiling, currency, tuple(assumptions)

    def __str__(self) -> str:
        from motools.money import money

        if self.cost is None:
            begin = (
                f"What this run costs is not known, so it is not held to be below the ceiling of {money(self.ceiling)}"
            )
            todo = "Give the prices that are missing"
        else:
            begin = f"This run is estimated to cost {money(self.cost, self.currency)}, and its ceiling is {money(self.ceiling)}"
            todo = "Train on less, for fewer epochs or on a cheaper model; or raise max_cost"
        return "\n".join(
            [
                f"{begin} (max_cost). Nothing was uploaded or submitted.",
                *(f"- {assumption}" for assumption in self.assumptions),
                f"{todo}, or leave the layer 'budget' out.",
            ]
        )


class SpecError(UsageError):
    """A value cannot be made part of a cache key; the message names its path."""


class HandleError(UsageError):
    """A saved run or job cannot be read."""


class DatasetError(UsageError):
    """Training data that cannot be used.

    `findings` are sentences that begin with `FILE:LINE:` (or `FILE:` where no line is to blame); the message shows
    the first twenty.
    """

    SHOWN = 20

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__(findings)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        shown = "\n".join(self.findings[: self.SHOWN])
        rest = len(self.findings) - self.SHOWN
        return f"{shown}\n… and {rest} more." if rest > 0 else shown


class ModelNotFound(UsageError):
    """Nothing answers to that model name."""


class TaskNotFound(UsageError):
    """Nothing answers to that evaluation name."""


class BackendNotFound(UsageError):
    """No installed distribution offers a backend of that name.

    `kind` is "training", "eval" or None for either; `installed` are the names that exist. `other_kind` is the kind
    that the name does have, where that is not the one which was asked for. `place` is the table that names it, where it
    was asked for by an alias. `remark` is what the configuration says of the name itself.
    """

    def __init__(
        self,
        name: str,
        kind: str | None = None,
        installed: Sequence[str] = (),
        other_kind: str | None = None,
        place: str = "",
        remark: str = "",
    ) -> None:
        super().__init__(name, kind, installed, other_kind, place, remark)
        self.name, self.kind, self.installed, self.other_kind = name, kind, tuple(installed), other_kind
        self.place, self.remark = place, remark

    def __str__(self) -> str:
        kind = f"{self.kind} " if self.kind else ""
        named = f" {self.place} names it." if self.place else ""
        text = f"No {kind}backend {self.name!r}.{named} Installed: {', '.join(self.installed) or 'none'}."
        if self.other_kind:
            return f"{text} {self.name!r} is a backend of the other kind: {self.other_kind}."
        ours = [name for name, kind in OFFICIAL_KINDS.items() if self.kind in (None, kind)]
        if self.name in ours:
            return f"{text} Install it with: pip install {OFFICIAL_DISTRIBUTIONS[self.name]}"
        if self.remark:
            return f"{text} {self.remark}"
        near = nearest(self.name, [*self.installed, *ours])
        if near is None:
            return f"{text} `motools backends` lists them with their origin."
        text += f" Did you mean {near!r}?"
        if near not in self.installed:
            text += f" Install it with: pip install {OFFICIAL_DISTRIBUTIONS[near]}"
        return text


class PluginError(UsageError):
    """An installed plugin cannot be used.

    `name` is the entry point's, `group` its entry-point group, `distribution` what offers it ("acme-openai 0.3").
    """

    def __init__(self, name: str, group: str, distribution: str, reason: str) -> None:
        super().__init__(name, group, distribution, reason)
        self.name, self.group, self.distribution, self.reason = name, group, distribution, reason

    def __str__(self) -> str:
        return f"Plugin {self.name!r} ({self.group}) of {self.distribution} cannot be used: {self.reason}"


class PluginDisabled(PluginError):
    """It is installed, and switched off by configuration; `reason` says where."""


class PluginIncompatible(PluginError):
    """It is written for another major version of the plugin API; `reason` says which side to upgrade."""


class PluginBroken(PluginError):
    """It fails to import, or is not what it claims to be; the cause is chained."""


class PluginConflict(PluginError):
    """Two or more distributions claim one name; `reason` names each with version and place, and the line that picks."""

    def __str__(self) -> str:
        return self.reason


class PluginRequired(PluginError):
    """The configuration requires it, and it is not installed or may not be used; `reason` says which."""

    def __str__(self) -> str:
        return self.reason


class CacheError(MotoolsError):
    """The record of paid work refuses."""


class CacheCorrupt(CacheError):
    """What is stored cannot be trusted."""


class TransitionRefused(CacheError):
    """A state change is not allowed, or somebody else got there first."""


class NeedsPerson(CacheError):
    """Whether something was submitted cannot be found out from here; the message says how to settle it."""


class SubmissionError(MotoolsError):
    """A submission did not come back with a run."""


class SubmitRejected(SubmissionError):
    """Refused: nothing was started, and the same request will be refused again."""


class SubmitUnavailable(SubmissionError):
    """Nothing was started; the same request may work later."""


class NoSlot(SubmitUnavailable):
    """The account has as many runs as it may have, at once or for today.

    `until` is when the service may take one again, in seconds since the epoch, and `limit` how many it takes at once;
    None where it does not say.
    """

    def __init__(self, message: str, *, until: float | None = None, limit: int | None = None) -> None:
        super().__init__(message)
        self.until, self.limit = until, limit


class SubmitUncertain(SubmissionError):
    """Something may have been started: look before asking again."""


class ServiceUnavailable(MotoolsError):
    """A service could not be asked, or gave no answer that can be understood. What was started goes on; ask again."""


class RunError(MotoolsError):
    """A run or job that was started did not end well."""


class RunFailed(RunError):
    """The service ran it, and it failed."""


class RunCancelled(RunError):
    """It was cancelled."""


class RunLost(RunError):
    """The service no longer knows it."""


SHORTEST = 3
"""Characters of a name of which another may be the beginning."""


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that `name` was probably meant to be, or None: one is the other's beginning, or they look alike."""
    from difflib import get_close_matches

    begun = [each for each in known if min(len(each), len(name)) >= SHORTEST and _is_begun(each, name)]
    if begun:
        return min(begun, key=lambda each: abs(len(each) - len(name)))
    return next(iter(get_close_matches(name, known, n=1)), None)


def _is_begun(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


__all__ = [
    "BackendNotFound",
    "BudgetExceeded",
    "CacheCorrupt",
    "CacheError",
    "ConfigError",
    "DatasetError",
    "HandleError",
    "ModelNotFound",
    "MotoolsError",
    "NeedsPerson",
    "NoSlot",
    "PluginBroken",
    "PluginConflict",
    "PluginDisabled",
    "PluginError",
    "PluginIncompatible",
    "PluginRequired",
    "RunCancelled",
    "RunError",
    "RunFailed",
    "RunLost",
    "ServiceUnavailable",
    "SettingError",
    "SpecError",
    "SubmissionError",
    "SubmitRejected",
    "SubmitUnavailable",
    "SubmitUncertain",
    "TaskNotFound",
    "TransitionRefused",
    "UsageError",
]
