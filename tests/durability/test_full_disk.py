"""A disk that is full stops the work before it is paid for, or leaves it to be found; nothing is paid for twice."""

from __future__ import annotations

import resource
import subprocess
from contextlib import contextmanager

import pytest
from naive import Remembering
from paid_backend import PaidBackend
from short_lease import ShortLease

from motools.cache.sqlite import SqliteLedger
from motools.errors import CacheError
from motools.training.backends.cached import CachedTrainingBackend

pytestmark = pytest.mark.slow

SIZE = 512 * 1024


class SmallDisk:
    """A directory whose files may not grow beyond what has been granted."""

    def __init__(self, place, fill):
        self.place, self._fill = place, fill
        self.is_full = False

    def fill(self):
        self.is_full = True
        self._fill(is_full=True)

    def make_room(self):
        self._fill(is_full=False)


def tmpfs(place):
    """Mount a small file system; None where that is not allowed."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], check=False, capture_output=True
    )
    return place if done.returncode == 0 else None


@contextmanager
def limited():
    """Let no file of this process grow, as on a disk without room: writes fail with EFBIG instead of ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda *, is_full: resource.setrlimit(resource.RLIMIT_FSIZE, (0 if is_full else before[0], before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def disk(tmp_path, monkeypatch):
    place = tmp_path / "disk"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    if tmpfs(place) is None:
        with limited() as fill:
            yield SmallDisk(place, fill)
        return
    ballast = place / "ballast"

    def fill(*, is_full):
        ballast.unlink(missing_ok=True)
        if is_full:
            with ballast.open("wb", buffering=0) as file:
                for size in (4096, 512, 1):
                    try:
                        while True:
                            file.write(b"x" * size)
                    except OSError:
                        continue

    try:
        yield SmallDisk(place, fill)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


STEPS = ["before upload", "before submit", "after submit", "after paying", "before poll"]
"""When the disk becomes full: before the intent is overwritten, in the window, after the payment, while it runs."""


@pytest.mark.parametrize("step", STEPS)
async def test_a_disk_that_fills_up_at_any_step_costs_nothing(service, disk, data, step):
    work = f"full {step}"
    ledger = SqliteLedger(disk.place / "motools.db")

    async def point(name):
        if name == step and not disk.is_full:
            disk.fill()

    async def trained(**points):
        backend = CachedTrainingBackend(PaidBackend(service.url, **points), ShortLease(ledger))
        return await (await backend.train(data, "base", suffix=work)).wait()

    with pytest.raises((CacheError, OSError), match=r"full|No space|too large"):
        await trained(point=point)
    if step == "before upload":
        assert await service.paid(work) == []
    disk.make_room()
    model = await trained()
    [job] = await service.paid(work)
    assert model == f"model:{work}:{job['id']}"
    ledger.close()


async def test_a_ledger_that_cannot_be_begun_pays_nothing(service, disk, data):
    disk.fill()
    ledger = SqliteLedger(disk.place / "motools.db")
    with pytest.raises(CacheError):
        await CachedTrainingBackend(PaidBackend(service.url), ledger).train(data, "base", suffix="no room")
    assert await service.paid("no room") == []
    disk.make_room()
    run = await CachedTrainingBackend(PaidBackend(service.url), ledger).train(data, "base", suffix="no room")
    assert (await run.wait()).startswith("model:no room:")
    ledger.close()


async def test_a_naive_cache_pays_again_after_a_full_disk(service, disk):
    naive = Remembering(disk.place, service.url)
    disk.fill()
    with pytest.raises(OSError, match=r"No space|too large"):
        await naive.run("naive full")
    disk.make_room()
    await naive.run("naive full")
    assert len(await service.paid("naive full")) == 2
