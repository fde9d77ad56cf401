"""A ledger whose leases last a second and not a minute, so that a test can outlive them."""

from __future__ import annotations

LEASE_SECONDS = 1.2


class ShortLease:
    """The ledger inside, with shorter leases: what is asked for in seconds is given in fiftieths."""

    def __init__(self, ledger, scale=LEASE_SECONDS / 60):
        self.ledger, self.scale = ledger, scale

    async def read(self, key):
        return await self.ledger.read(key)

    async def claim(self, draft, *, seconds, after=None):
        return await self.ledger.claim(draft, seconds=seconds * self.scale, after=after)

    async def renew(self, record, *, seconds):
        await self.ledger.renew(record, seconds=seconds * self.scale)

    async def move(self, record, target, *, seconds=None, **changes):
        return await self.ledger.move(record, target, seconds=seconds and seconds * self.scale, **changes)

    async def release(self, record):
        await self.ledger.release(record)

    async def records(self, **conditions):
        return await self.ledger.records(**conditions)

    async def find(self, name):
        return await self.ledger.find(name)
