"""Says what a service's refusal means, and what mends it.

Only the service's codes and our own words get into a message: what a library prints holds whole
URLs, and a shared access signature stands in one.
"""

import re
from typing import NamedTuple

from cacheferry.core.errors import (
    ConfigurationError,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>|\(code: (\w+)\)")
_REGION = re.compile(r"<Region>([a-z0-9-]+)</Region>|expecting '([a-z0-9-]+)'")

_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "InvalidBucketName", "ContainerBeingDeleted")
_REFUSED = ("AccessDenied", "AccessDeniedException", "AuthorizationPermissionMismatch",
            "AllAccessDisabled", "PublicAccessNotPermitted", "NoAuthenticationInformation",
            "AccountProblem", "ResourceNotFound")  # fmt: skip
_UNKNOWN_KEY = ("InvalidAccessKeyId", "NotSignedUp")
_WRONG_SECRET = ("SignatureDoesNotMatch", "AuthenticationFailed", "AuthorizationFailure",
                 "InvalidAuthenticationInfo")  # fmt: skip
_EXPIRED = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "RequestExpired")
_CLOCK = ("RequestTimeTooSkewed", "RequestInTheFuture")
_REGIONS = ("AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect",
            "IllegalLocationConstraintException", "InvalidRegionName")  # fmt: skip
_FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "EntityTooLarge",
         "AccountLimitExceeded")  # fmt: skip
_PASSING = ("SlowDown", "RequestTimeout", "ServerBusy", "OperationTimedOut", "InternalError",
            "ServiceUnavailable", "TooManyRequests", "Throttling", "RequestLimitExceeded",
            "OperationAborted", "RequestAbortedError")  # fmt: skip


class Asked(NamedTuple):
    """Whom a request went to, and as whom: what a message says about it."""

    store: str
    bucket: str
    endpoint: str
    how: str
    """Where the credentials came from; empty for none."""
    keys: str
    """How to give credentials to this kind of store."""
    accepted: bool


def has_no_words(error: BaseException) -> bool:
    """True for a refusal without a code, as every HEAD gets it."""
    status = _status(str(error))
    return (status == 301 or 400 <= status < 500) and status not in (404, 429) and not _code(error)


def names_no_bucket(error: BaseException) -> bool:
    """True where it is the bucket that is missing, not an object in it."""
    return _code(error) in _NO_BUCKET


def wrong_region(error: BaseException) -> str | None:
    """The region that the service names; empty where it only says that it is another one."""
    text = str(error)
    if _code(error) not in _REGIONS and "incorrectly configured region" not in text:
        return None
    found = _REGION.search(text)
    return (found[1] or found[2]) if found else ""


def translated(error: BaseException, asked: Asked) -> StoreError | ConfigurationError:
    """Our error for one of the library's."""
    code, status = _code(error), _status(str(error))
    if known := _by_code(code, asked):
        return known
    region = wrong_region(error)
    if region is not None:
        return in_another_region(asked, region)
    if (
        code in _PASSING
        or status in (408, 425, 429)
        or (status >= 500 and status not in (501, 507))
    ):
        return StoreUnavailable(f"the store {asked.store} is busy: {code or status}")
    if status in (401, 403):
        return _denied(asked)
    if code or status:
        return _refused(code, status, asked)
    return _unreachable(str(error), asked)


def in_another_region(asked: Asked, region: str) -> ConfigurationError:
    """The error for a bucket that its endpoint says is elsewhere."""
    where = f"region {region}" if region else "another region"
    return ConfigurationError(
        f"the bucket {asked.bucket} is in {where} ({asked.store})",
        f"add region={region or 'NAME'} to the address of the store",
    )


def _by_code(code: str, asked: Asked) -> StoreError | None:
    store, key = asked.store, asked.how or "the credentials"
    if code in _NO_BUCKET:
        return StoreDenied(
            f"there is no bucket {asked.bucket} at {asked.endpoint} ({store})",
            "create it there, or correct the address of the store",
        )
    if code in _REFUSED:
        return _denied(asked)
    if code in _UNKNOWN_KEY:
        return StoreDenied(f"{asked.endpoint} does not know the key of {key}", asked.keys)
    if code in _WRONG_SECRET:
        hint = f"{asked.keys}; a wrong clock looks like this, too"
        return StoreDenied(f"{asked.endpoint} does not accept the signature with {key}", hint)
    if code in _EXPIRED:
        return StoreDenied(
            f"{key} has expired at {asked.endpoint}", "sign in again, as its tool does"
        )
    if code in _CLOCK:
        return StoreDenied(
            f"this machine's clock is too far from that of {asked.endpoint}",
            "set the clock: timedatectl set-ntp true, or w32tm /resync",
        )
    if code in _FULL:
        return StoreDenied(f"the store {store} is full: {code}")
    return None


def unsigned(asked: Asked) -> StoreDenied:
    """The error for what cannot be asked for without credentials."""
    message = f"the store {asked.store} refuses access: asked without credentials,"
    if asked.accepted:
        return StoreDenied(f"{message} as none were found", asked.keys)
    return StoreDenied(
        f"{message} as nobody has accepted it",
        "run `cacheferry trust` in the repository to accept it",
    )


def _denied(asked: Asked) -> StoreDenied:
    if not asked.how:
        return unsigned(asked)
    return StoreDenied(
        f"the store {asked.store} refuses access (signed with {asked.how})",
        "what rights it takes: docs/stores-s3.md",
    )


def _refused(code: str, status: int, asked: Asked) -> StoreDenied:
    words = " ".join(filter(None, (code, f"(HTTP {status})" if status else "")))
    hint = "for a server without checksums: AWS_REQUEST_CHECKSUM_CALCULATION=when_required"
    is_s3 = asked.store.startswith("s3://") and status in (400, 501)
    return StoreDenied(f"the store {asked.store} refuses: {words}", hint if is_s3 else None)


def _unreachable(text: str, asked: Asked) -> StoreError | ConfigurationError:
    endpoint = asked.endpoint
    if re.search("InvalidCertificate|UnknownIssuer|CertificateExpired|NotValidForName", text):
        return ConfigurationError(
            f"the certificate of {endpoint} is not to be trusted",
            "for a certificate of your own: AWS_CA_BUNDLE=FILE, or put it into the system's store",
        )
    if re.search("InvalidContentType|InvalidMessage|CorruptMessage|HandshakeFailure", text):
        return ConfigurationError(f"{endpoint} does not speak TLS", "is it an http:// endpoint?")
    if "dns error" in text:
        return StoreUnavailable(f"no address is known for {endpoint}", "is it spelled right?")
    if "Connect" in text or "connect" in text:
        return StoreUnavailable(f"cannot reach {endpoint}", "is it up, and is there a network?")
    return StoreUnavailable(f"the connection to {endpoint} broke off")


def _code(error: BaseException) -> str:
    found = _CODE.search(str(error))
    return (found[1] or found[2]) if found else ""


def _status(text: str) -> int:
    found = _STATUS.search(text)
    return int(found[1]) if found else 0
