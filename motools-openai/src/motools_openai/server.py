"""Which server, on whose account; and the client for it, which is made when it is first needed.

A handle that was saved names its server, and whoever loads it would send their key there. So a handle is followed only at
a server that its reader has named too: OpenAI's own, the one of OPENAI_BASE_URL, of motools.toml or of a backend of this
process, or one on this machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakValueDictionary

from motools.config import current
from motools.errors import HandleError, SettingError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Self

    from openai import AsyncOpenAI

    from motools_openai.poller import Poller

OPENAI = "https://api.openai.com/v1"
VARIABLES = {"base_url": "OPENAI_BASE_URL", "organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"}
"""What the SDK reads where nothing is given."""

RETRIES = 5
"""How often a question to the server is asked again; a submission never is."""
PATIENCE = 60.0
"""Seconds that the server may let a question wait, at any point of the answer."""
HELD_SECONDS = 15.0
"""For how long a client is not closed while a submission over it is in the air."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server and an account there; all that tells one from another, and no key. None is what OpenAI chooses."""

    base_url: str | None = None
    organization: str | None = None
    project: str | None = None
    api_version: str | None = None
    """Azure's; by it a saved handle is known to be of Azure."""

    @classmethod
    def of(cls, client: Any = None, **given: str | None) -> Server:
        """Return the server of an SDK client, or of what is given and the SDK's variables."""
        if client is None:
            said = {name: given.get(name) or os.environ.get(variable) or None for name, variable in VARIABLES.items()}
        else:
            said = {"base_url": str(client.base_url), "organization": client.organization, "project": client.project}
        base_url = _without_login(said.pop("base_url") or OPENAI, is_refused=client is None).rstrip("/")
        return cls(
            base_url=None if base_url == OPENAI else base_url, api_version=getattr(client, "_api_version", None), **said
        )

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.base_url or OPENAI

    def as_dict(self) -> dict[str, str | None]:
        """Return what is saved with a handle."""
        return asdict(self)


class Connection:
    """This process's way to a server: an SDK client for each event loop, shared by backends and runs.

    A client that was given is used as it is, and never closed here; when its owner has closed it, another is made.
    """

    def __init__(self, server: Server, client: AsyncOpenAI | None = None) -> None:
        self.server = server
        self._given = client
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = WeakKeyDictionary()
        self._pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, Poller] = WeakKeyDictionary()
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, asyncio.Lock]]
        self._locks = WeakKeyDictionary()
        self._holders: WeakKeyDictionary[AsyncOpenAI, set[asyncio.Future[None]]] = WeakKeyDictionary()

    @classmethod
    def to(cls, server: Server, client: AsyncOpenAI | None = None) -> Self:
        """Return the connection to a server that this process has, or a new one; a new one where a client is given."""
        _named.add(server.name)
        present = None if client is not None else _connections.get(server)
        connection = cls(server, client) if present is None else present
        _connections[server] = connection
        return connection  # type: ignore[return-value]  # the map holds connections of this class

    @property
    def client(self) -> AsyncOpenAI:
        """The SDK's client, for the running loop. Raises `SettingError` where the SDK finds no key."""
        if self._given is not None and not self._given.is_closed():
            return self._given
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._forget_closed_loops()
            self._clients[loop] = _client_for(self.server)
        return self._clients[loop]

    def _forget_closed_loops(self) -> None:
        """Let go of what belongs to loops that have ended: it holds on to them, so that they do not go by themselves."""
        for kept in (self._clients, self._pollers, self._locks):
            for each in kept.keyrefs():
                if (loop := each()) is not None and loop.is_closed():
                    kept.pop(loop, None)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[AsyncOpenAI]:
        """Give the client, which `aclose` then leaves open for a while: another backend may end while this one pays."""
        client, done = self.client, asyncio.get_running_loop().create_future()
        holders = self._holders.setdefault(client, set())
        holders.add(done)
        try:
            yield client
        finally:
            holders.discard(done)
            done.set_result(None)

    def poller(self, pause: float) -> Poller:
        """Return what follows live jobs for all who wait on this loop; `pause` is the least time between two looks."""
        from motools_openai.poller import Poller

        loop = asyncio.get_running_loop()
        if loop not in self._pollers:
            self._pollers[loop] = Poller(self)
        poller = self._pollers[loop]
        poller.pause = min(poller.pause, pause)
        return poller

    def lock(self, name: str) -> asyncio.Lock:
        """Return the lock of this name on this loop."""
        locks = self._locks.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
        return locks.setdefault(name, asyncio.Lock())

    async def aclose(self) -> None:
        """Close the client of this loop; the next use makes another."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is None:
            return
        try:
            if holders := self._holders.get(client):
                await asyncio.wait(holders, timeout=HELD_SECONDS)
        finally:
            await client.close()


_connections: WeakValueDictionary[Server, Connection] = WeakValueDictionary()
_named: set[str] = {OPENAI}
"""The servers that this process was told of by other means than a handle."""


def _without_login(address: str, *, is_refused: bool) -> str:
    """Return an address without a user, a password and a query, which are no part of what is recorded and shown."""
    if is_refused and not _is_of_the_web(address):  # which is not shown: there may be a password in it
        raise SettingError(f"base_url must be an address that begins with https:// or http://, such as {OPENAI}.")
    parts = urlsplit(address)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    if is_refused and bare != address:
        raise SettingError(
            f"base_url is recorded and shown, so it must not say more than where {bare} is. Give a password or a query to "
            "an AsyncOpenAI of your own, with client=; a key belongs in OPENAI_API_KEY."
        )
    return bare


def _is_of_the_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _client_for(server: Server) -> AsyncOpenAI:
    from openai import AsyncAzureOpenAI, AsyncOpenAI, OpenAIError

    shared: dict[str, Any] = {"base_url": server.name, "max_retries": RETRIES, "timeout": PATIENCE}
    try:
        if server.api_version is None:
            client = AsyncOpenAI(**shared)
        else:
            client = AsyncAzureOpenAI(api_version=server.api_version, **shared)
    except OpenAIError as error:
        variable = "OPENAI_API_KEY" if server.api_version is None else "AZURE_OPENAI_API_KEY"
        raise SettingError(
            f"{server.name} needs a key and there is none: set {variable} (to any text, for a server that asks for none)."
        ) from error
    client.organization, client.project = server.organization, server.project  # and not what the variables say by now
    return client


def server_of_handle(fields: Mapping[str, Any], path: str | os.PathLike[str]) -> Server:
    """Return the server that a saved handle names. Raises `HandleError` for one that nobody here has named."""
    saved = fields.get("server")
    known = set(Server.__dataclass_fields__)
    if not isinstance(saved, dict) or saved.keys() != known:
        raise HandleError(f"{os.fspath(path)}: does not say at which server the job is.")
    if any(not isinstance(value, (str, type(None))) for value in saved.values()):
        raise HandleError(f"{os.fspath(path)}: the server of the job must be described in text.")
    server = Server(**saved)
    if not _is_named(server.name):
        raise HandleError(
            f"{os.fspath(path)}: the job is at {server.name}, which would be sent your key. If that is right, name the "
            f"server: set OPENAI_BASE_URL, or base_url in a [backends.NAME] table of motools.toml, to {server.name}"
        )
    return server


def _is_named(address: str) -> bool:
    if address in _named or _is_here(urlsplit(address).hostname or ""):
        return True
    tables = current().backends.values()
    named = [os.environ.get(VARIABLES["base_url"]), *(table.get("base_url") for table in tables)]
    return address in {str(each).rstrip("/") for each in named if each}


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


__all__ = ["OPENAI", "Connection", "Server", "server_of_handle"]
