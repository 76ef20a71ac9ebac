"""The two clients of a bucket, their timeouts and retries."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from cacheferry.core.errors import ConfigurationError
from lfs_agent.stores.buckets.address import Opening

_BOTH = {
    "connect_timeout": "3s",
    # By itself it ends every transfer after 30 s, however well it goes on.
    "timeout": "7 days",
}
_BRIEF = {"read_timeout": "30s"}
# It counts from the beginning of an upload: a part must get through on a slow line.
_PATIENT = {"read_timeout": "5min"}
_NO_RETRIES: dict[str, Any] = {"max_retries": 0}
_RETRIES = {
    "max_retries": 4,
    "retry_timeout": timedelta(hours=12),  # from the beginning of a transfer
    "backoff": {
        "init_backoff": timedelta(seconds=0.2),
        "max_backoff": timedelta(seconds=2),
        "base": 2,
    },
}


def of(kind: Any, bucket: str, opening: Opening) -> tuple[Any, Any]:
    """A brief and a patient client; `kind` is one of obstore's classes.

    The brief one gives up at once: whoever is outside tries again, and a store that is down is
    known to be so in seconds. The patient one carries bodies, which nobody wants to begin anew:
    it repeats a part that failed and goes on where a download broke off.
    """
    options = dict(opening.options)
    if not opening.how:
        options["skip_signature"] = True
    if opening.credentials:
        options["credential_provider"] = opening.credentials
    both: dict[str, Any] = _BOTH | {"allow_http": opening.endpoint.startswith("http://")}
    if opening.authorities:
        both["root_certificate"] = _read(opening.authorities)
    return (
        kind(bucket, **options, client_options=both | _BRIEF, retry_config=_NO_RETRIES),
        kind(bucket, **options, client_options=both | _PATIENT, retry_config=_RETRIES),
    )


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = f"cannot read the certificates in {path}: {error.strerror}"
        raise ConfigurationError(message) from None
