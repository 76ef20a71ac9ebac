"""Files on an SSH server, for callers from any thread. The only file that knows asyncssh.

One connection, made by the first request and made anew by the first one after it has broken. An
event loop in a thread of its own serves it, so that many requests are under way at once.
"""

import asyncio
import os
import stat
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import asyncssh

from cacheferry.core.errors import (
    CacheferryError,
    ConfigurationError,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)

CONNECT = 20.0
"""Seconds for reaching the server, and as many again for the login."""

KEEPALIVE = 10.0
"""Seconds of silence after which the server is asked; three questions without an answer end it."""

REQUEST = 300.0
"""Seconds for one request, which moves 1 MiB at most or flushes a file to the server's disk."""

END = 0.4
"""Seconds for the last words; git-lfs and its user wait for the end of the agent."""

_SSH = 22
_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")

_Result = TypeVar("_Result")
_Call = Callable[[asyncssh.SFTPClient], Awaitable[_Result]]
_Start = Callable[[str, _Call[Any]], Future[Any]]


class NotThere(StoreDenied):
    """The server has no such file or folder."""


class Found(NamedTuple):
    """What the server says of a path: size in bytes, time of the last change (Unix time)."""

    path: str
    size: int
    modified: float
    is_file: bool
    is_folder: bool


class Address(NamedTuple):
    """Whom to reach; a `port` or `user` of None is what ssh_config says, or SSH's usual."""

    host: str
    port: int | None
    user: str | None


class Server:
    """Files on a server. Paths that do not begin with `/` count from the login's home.

    Every method raises StoreUnavailable, StoreDenied, NotThere where something is missing, and
    ConfigurationError where the user's SSH set-up is of no use.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._login: asyncio.Future[_Session] | None = None

    def find(self, path: str) -> Found | None:
        """What lies at a path, links followed; None where nothing does."""
        try:
            return self._ask(path, lambda client: _found(client, path))
        except NotThere:
            return None

    def list(self, path: str) -> "Future[Sequence[Found]]":
        """What lies in a folder."""
        return self._start(path, lambda client: _listed(client, path))

    def open(self, path: str) -> "File":
        """A file to read."""

        async def opened(client: asyncssh.SFTPClient) -> File:
            found, file = await asyncio.gather(
                _found(client, path), client.open(path, "rb", encoding=None)
            )
            return File(self._start_at(client), file, found)

        return self._ask(path, opened)

    def create(self, path: str) -> "File":
        """A new file to write, with the permissions that the server gives to new files."""

        async def created(client: asyncssh.SFTPClient) -> File:
            new = Found(path, 0, 0, is_file=True, is_folder=False)
            return File(self._start_at(client), await client.open(path, "xb", encoding=None), new)

        return self._ask(path, created)

    def make_folder(self, path: str) -> None:
        """Creates a folder, which may be there already. NotThere where its parent is not."""
        self._ask(path, lambda client: _made_folder(client, path))

    def replace(self, old: str, new: str) -> None:
        """Renames a file to the name of another: in one step, where the server can."""
        self._ask(new, lambda client: _replaced(client, old, new))

    def remove(self, path: str, patience: float = REQUEST) -> None:
        """Removes a file. Gives up after `patience` seconds."""
        self._ask(path, lambda client: client.remove(path), patience)

    def touch(self, path: str) -> None:
        """Gives a file the present time."""
        self._ask(path, lambda client: client.utime(path))

    def close(self) -> None:
        """Ends the connection."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._end(), loop).result(END)
            loop.call_soon_threadsafe(loop.stop)

    def _ask(self, path: str, call: _Call[_Result], patience: float = REQUEST) -> _Result:
        answer = self._start(path, call, patience=patience)
        try:
            return answer.result()
        except BaseException:  # SIGTERM ends the wait: nobody wants the answer any more
            answer.cancel()
            raise

    def _start(
        self,
        path: str,
        call: _Call[_Result],
        client: asyncssh.SFTPClient | None = None,
        patience: float = REQUEST,
    ) -> "Future[_Result]":
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # Every answer reaches its caller; what asyncio would print are given-up requests.
                self._loop.set_exception_handler(lambda *_: None)
                threading.Thread(target=self._loop.run_forever, daemon=True).start()
            loop = self._loop
        answer = self._answered(path, call, client, patience)
        return asyncio.run_coroutine_threadsafe(answer, loop)

    def _start_at(self, client: asyncssh.SFTPClient) -> "_Start":
        """As `_start`, on the connection to which an open file belongs."""
        return lambda path, call: self._start(path, call, client)

    async def _answered(
        self, path: str, call: _Call[_Result], client: asyncssh.SFTPClient | None, patience: float
    ) -> _Result:
        try:
            async with asyncio.timeout(patience):
                if client is None:
                    client = (await self._connected()).client
                return await call(client)
        except (OSError, asyncssh.Error) as error:
            translated = _translated(error, f"{self._address.host}: {path}")
            if isinstance(translated, StoreUnavailable):
                self._forget(client)
            raise translated from None

    async def _connected(self) -> "_Session":
        if self._login is None:
            self._login = asyncio.ensure_future(_logged_in(self._address))
        login = self._login
        try:
            return await asyncio.shield(login)
        except CacheferryError:
            if self._login is login:
                self._login = None
            raise

    def _forget(self, client: asyncssh.SFTPClient | None) -> None:
        login = self._login
        if login and login.done() and not login.exception() and login.result().client is client:
            login.result().connection.abort()
            self._login = None

    async def _end(self) -> None:
        if self._login:
            self._login.cancel()
            with suppress(asyncio.CancelledError, CacheferryError):
                connection = (await self._login).connection
                connection.close()
                await connection.wait_closed()


class File:
    """An open file on the server; `found` is what it was when it was opened."""

    def __init__(self, start: "_Start", file: asyncssh.SFTPClientFile, found: Found) -> None:
        self.found = found
        self._start = start
        self._file = file

    def read(self, offset: int, size: int) -> "Future[bytes]":
        """So many bytes from there on; fewer only at the end of the file."""
        return self._start(self.found.path, lambda _: self._file.read(size, offset))

    def write(self, offset: int, piece: bytes) -> "Future[int]":
        """Puts the bytes there."""
        return self._start(self.found.path, lambda _: self._file.write(piece, offset))

    def sync(self) -> "Future[None]":
        """Flushes the file to the server's disk, where the server can be told to."""
        return self._start(self.found.path, lambda _: _synced(self._file))

    def close(self) -> "Future[None]":
        """Closes the file."""
        return self._start(self.found.path, lambda _: self._file.close())


class _Session(NamedTuple):
    connection: asyncssh.SSHClientConnection
    client: asyncssh.SFTPClient


async def _logged_in(address: Address) -> _Session:
    words = {"port": address.port, "username": address.user}.items()
    given = {key: value for key, value in words if value is not None}
    try:
        # A first look at ssh_config, without any key.
        seen = asyncssh.SSHClientConnectionOptions(
            host=address.host, config=(), client_keys=None, **given
        )
        keys = _keys(seen.config)
        hosts = _HostKeys(_known_hosts(seen.config))
    except (OSError, ValueError, asyncssh.Error) as error:
        raise ConfigurationError(
            f"the SSH set-up for {address.host} is of no use: {error}", "look at ~/.ssh/config"
        ) from None
    try:
        async with asyncio.timeout(3 * CONNECT):  # what ProxyJump passes through counts, too
            connection = await asyncssh.connect(
                address.host,
                options=seen,
                client_keys=keys,
                ignore_encrypted=True,
                known_hosts=hosts.known,
                client_factory=lambda: hosts,
                password_auth=False,
                kbdint_auth=False,
                command=None,
                request_pty=False,
                agent_forwarding=False,
                connect_timeout=CONNECT,
                login_timeout=CONNECT,
                keepalive_interval=KEEPALIVE,
                **given,
            )
            client = await connection.start_sftp_client(path_errors="surrogateescape")
    except asyncssh.HostKeyNotVerifiable as error:
        raise hosts.refused or StoreDenied(f"{error}", "see known_hosts") from None
    except asyncssh.PermissionDenied as error:
        raise _not_let_in(error, keys or _KEYS) from None
    except asyncssh.ChannelOpenError as error:
        raise StoreDenied(f"the SSH server {address.host} offers no SFTP: {error}") from None
    except ValueError as error:
        raise ConfigurationError(f"the SSH set-up for {address.host}: {error}") from None
    except (OSError, asyncssh.Error) as error:
        raise _translated(error, address.host) from None
    return _Session(connection, client)


class _HostKeys(asyncssh.SSHClient):
    """Who the user's known_hosts say that the server is; asked only about what they do not say."""

    def __init__(self, known: asyncssh.SSHKnownHosts) -> None:
        self.known = known
        self.refused: StoreDenied | None = None

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Never true; keeps the reason."""
        name = host if port == _SSH else f"[{host}]:{port}"
        if self.known.match(host, addr, None if port == _SSH else port)[0]:
            self.refused = StoreDenied(
                f"the host key of {name} is not the one in known_hosts: {key.get_fingerprint()}",
                "somebody may be listening in; if the server has a new key: "
                f"ssh-keygen -R '{name}', then connect once with ssh",
            )
        else:
            self.refused = StoreDenied(
                f"the host key of {name} is unknown: {key.get_fingerprint()}",
                f"connect once with ssh and compare it: ssh -p {port} {host}",
            )
        return False


def _known_hosts(config: Any) -> asyncssh.SSHKnownHosts:
    # Not left to asyncssh: it fails where a file is missing, and believes every server where
    # ssh_config says `UserKnownHostsFile none`.
    user = config.get("UserKnownHostsFile", _KNOWN_HOSTS)
    everybody = config.get("GlobalKnownHostsFile", _GLOBAL_KNOWN_HOSTS)
    files = [os.path.expanduser(name) for name in (*user, *everybody)]
    return asyncssh.read_known_hosts([name for name in files if os.access(name, os.R_OK)])


def _keys(config: Any) -> list[str]:
    """The keys that ssh_config names and that are there; a public one where the agent has it."""
    named = [os.path.expanduser(name) for name in config.get("IdentityFile", ())]
    there = [[file for file in (name, f"{name}.pub") if os.path.isfile(file)] for name in named]
    return [files[0] for files in there if files]


async def _found(client: asyncssh.SFTPClient, path: str) -> Found:
    return _described(path, await client.stat(path))


async def _listed(client: asyncssh.SFTPClient, path: str) -> list[Found]:
    entries = [(os.fsdecode(one.filename), one.attrs) async for one in client.scandir(path)]
    own = (".", "..")
    return [_described(f"{path}/{name}", attrs) for name, attrs in entries if name not in own]


def _described(path: str, attrs: asyncssh.SFTPAttrs) -> Found:
    mode = attrs.permissions or 0
    return Found(path, attrs.size or 0, attrs.mtime or 0, stat.S_ISREG(mode), stat.S_ISDIR(mode))


async def _made_folder(client: asyncssh.SFTPClient, path: str) -> None:
    try:
        await client.mkdir(path)
    except asyncssh.SFTPNoSuchFile:
        raise
    except asyncssh.SFTPError:  # of a folder that is there, the protocol says only `Failure`
        if not await client.isdir(path):
            raise


async def _replaced(client: asyncssh.SFTPClient, old: str, new: str) -> None:
    try:
        await client.posix_rename(old, new)
    except asyncssh.SFTPOpUnsupported:
        try:
            await client.rename(old, new)
        except asyncssh.SFTPError:  # it replaces nothing
            await client.remove(new)
            await client.rename(old, new)


async def _synced(file: asyncssh.SFTPClientFile) -> None:
    with suppress(asyncssh.SFTPOpUnsupported):
        await file.fsync()


def _not_let_in(error: asyncssh.Error, keys: Sequence[str]) -> StoreDenied:
    locked = [name for name in keys if _is_encrypted(name)]
    hint = f"the key {locked[0]} is encrypted: ssh-add {locked[0]}" if locked else None
    return StoreDenied(
        f"the SSH server lets nobody in: {error}",
        hint or "cacheferry asks for no password: put a key on the server with ssh-copy-id",
    )


def _is_encrypted(key: str) -> bool:
    try:
        asyncssh.read_private_key(key)
    except (OSError, asyncssh.KeyImportError) as error:
        return str(error).startswith("Passphrase")
    return False


_PERMANENT = (
    asyncssh.KeyExchangeFailed, asyncssh.ProtocolError, asyncssh.ProtocolNotSupported,
    asyncssh.IllegalUserName,
)  # fmt: skip
_PASSING = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)


def _translated(error: Exception, where: str) -> StoreError:
    if isinstance(error, TimeoutError):
        return StoreUnavailable(f"the SSH server does not answer: {where}")
    if isinstance(error, asyncssh.SFTPNoSuchFile):
        return NotThere(f"the SSH server has no {where}")
    if isinstance(error, asyncssh.SFTPError) and not isinstance(error, _PASSING):
        vague = isinstance(error, asyncssh.SFTPFailure)
        hint = "the server says no more: is its disk full, or read-only?" if vague else None
        return StoreDenied(f"the SSH server refuses {where}: {error}", hint)
    if isinstance(error, _PERMANENT):
        return StoreDenied(f"the SSH server cannot be used: {where}: {error}")
    return StoreUnavailable(f"the SSH server is out of reach: {where}: {error}")
