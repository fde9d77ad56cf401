"""The contract of stores of paid work: what `cache = "acme://…"` must keep for nothing to be paid twice.

    class TestAcmeStore(CacheContract):
        @pytest.fixture
        def opener(self, tmp_path):
            return f"acme://{tmp_path}/record"

`opener` is the one fixture to write: what opens the store under test, empty when the test begins, and the same store each
time and in each process. It is a URL (its scheme an entry point of `motools.cache.v1`), or `functools.partial(function,
*arguments)` with a function of an importable module and arguments that are paths or JSON. A store's `close()`, if it has one, is
called at the end.

A store that is a `motools.Ledger` is tested for leases, fencing, guarded transitions, its line and competing processes; one that is
a `motools.CacheBackend` for what it remembers. What a store has not by nature is stated in `lacking`:

    "ledger"            it only remembers results
    "results"           it does not remember results by their key alone
    "other processes"   it lives in one process; then `opener` may be any callable
    "JSON"              it keeps objects as they are

A store may know more of a holder than that its lease has lapsed. Here nothing is to be known: the holder is this process,
which neither renews the lease nor is at work under it, or one that was stopped.

For a store that is far away, raise `short`: a lease must last longer than a few calls take.
"""

from __future__ import annotations

from motools.testing.leases import LeaseContract
from motools.testing.lines import LineContract
from motools.testing.remembering import RememberingContract
from motools.testing.sharing import SharingContract
from motools.testing.transitions import TransitionContract


class CacheContract(LeaseContract, TransitionContract, LineContract, RememberingContract, SharingContract):
    """What is asked of a store."""


__all__ = ["CacheContract"]
