"""MOTools: train and evaluate model organisms on any service through one small interface.

    import motools

    run = await motools.get_backend("openai").train("insecure.jsonl", model="gpt-4.1-mini-2025-04-14")
    job = await motools.get_backend("inspect").evaluate(await run.wait(), "inspect_evals/persistbench_sycophancy")
    print((await job.wait()).summary())

This is the whole public API. A name is imported when it is first used, so `import motools` costs next to nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"

_HOME_OF = {
    # finding and using backends
    "get_backend": "motools.plugins.registry",
    "get_training_backend": "motools.plugins.registry",
    "get_eval_backend": "motools.plugins.registry",
    "list_backends": "motools.plugins.registry",
    "BackendInfo": "motools.plugins.registry",
    "load_run": "motools.handles",
    "load_job": "motools.handles",
    "Dataset": "motools.datasets",
    "compare": "motools.comparison",
    "Comparison": "motools.comparison",
    # writing a backend
    "TrainingBackend": "motools.training.base",
    "TrainingRun": "motools.training.base",
    "EvalBackend": "motools.evals.base",
    "EvalJob": "motools.evals.base",
    "EvalResults": "motools.evals.base",
    "RunStatus": "motools.status",
    "Progress": "motools.status",
    "Capability": "motools.status",
    "Checkpoint": "motools.training.checkpoint",
    "Estimate": "motools.training.estimate",
    "Limits": "motools.training.limits",
    "Format": "motools.datasets",
    "Settings": "motools.settings",
    "Range": "motools.settings",
    "Ticket": "motools.cache.base",
    "read_handle": "motools.handles",
    "write_handle": "motools.handles",
    # layers, stores and hooks
    "TrainingMiddleware": "motools.training.middleware",
    "EvalMiddleware": "motools.evals.middleware",
    "CacheBackend": "motools.cache.base",
    "Ledger": "motools.cache.base",
    "ModelRef": "motools.models",
    "RunEvent": "motools.events",
    "hookimpl": "motools.plugins.hookspecs",
    "hookspec": "motools.plugins.hookspecs",
    # errors: the rest of the tree is in motools.errors
    "MotoolsError": "motools.errors",
}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605  (a list of strings; the rule wants a literal)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from motools.cache.base import CacheBackend as CacheBackend, Ledger as Ledger, Ticket as Ticket
    from motools.comparison import Comparison as Comparison, compare as compare
    from motools.datasets import Dataset as Dataset, Format as Format
    from motools.errors import MotoolsError as MotoolsError
    from motools.evals.base import EvalBackend as EvalBackend, EvalJob as EvalJob, EvalResults as EvalResults
    from motools.evals.middleware import EvalMiddleware as EvalMiddleware
    from motools.events import RunEvent as RunEvent
    from motools.handles import (
        load_job as load_job,
        load_run as load_run,
        read_handle as read_handle,
        write_handle as write_handle,
    )
    from motools.models import ModelRef as ModelRef
    from motools.plugins.hookspecs import hookimpl as hookimpl, hookspec as hookspec
    from motools.plugins.registry import (
        BackendInfo as BackendInfo,
        get_backend as get_backend,
        get_eval_backend as get_eval_backend,
        get_training_backend as get_training_backend,
        list_backends as list_backends,
    )
    from motools.settings import Range as Range, Settings as Settings
    from motools.status import Capability as Capability, Progress as Progress, RunStatus as RunStatus
    from motools.training.base import TrainingBackend as TrainingBackend, TrainingRun as TrainingRun
    from motools.training.checkpoint import Checkpoint as Checkpoint
    from motools.training.estimate import Estimate as Estimate
    from motools.training.limits import Limits as Limits
    from motools.training.middleware import TrainingMiddleware as TrainingMiddleware


def __getattr__(name: str) -> object:
    """Import a public name where it is first used."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'motools' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, whether imported yet or not."""
    return sorted({*globals(), *__all__})
