"""Errors, named for what the caller does next; each carries its exit code (contract 6)."""


class CacheferryError(Exception):
    """Something foreseeable went wrong: shown as `cacheferry: error: …`, never as a traceback."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(CacheferryError):
    """The command line, `cacheferry.yaml` or a git setting is wrong; a person has to mend it."""

    exit_code = 2


class Held(CacheferryError):
    """The repository is in the middle of something; the same call works later."""

    exit_code = 3


class StoreError(CacheferryError):
    """A store could not do what was asked."""

    exit_code = 4


class StoreUnavailable(StoreError):
    """Transient: the same call may work in a moment. The only error that is retried.

    `retry_after` is what the store has asked for: seconds, 0 where it has said nothing.
    """

    def __init__(self, message: str, hint: str | None = None, retry_after: float = 0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class StoreDenied(StoreError):
    """Permanent: the store refuses (permissions, read-only, full)."""


class NotOffered(StoreError):
    """This kind of store cannot do that at all, whoever asks."""

    exit_code = 2


class ObjectMissing(StoreError):
    """The store is reachable and has no such object."""


class ObjectCorrupt(StoreError):
    """The bytes do not hash to the oid, or their number is not the size."""


class RemoteUnreachable(CacheferryError):
    """The Git remote did not answer; the same call may work later."""

    exit_code = 4


class RemoteRefused(CacheferryError):
    """The Git remote answered and said no; its words are in the message."""

    exit_code = 4


class ReadOnly(CacheferryError):
    """A path of the repository cannot be written; the message names it."""

    exit_code = 4
