"""Opens `s3://`: endpoint, region, style of the address and credentials."""

import os
from typing import Any
from urllib.parse import urlsplit

from cacheferry.core.errors import ConfigurationError
from lfs_agent.stores.buckets import metadata, profile
from lfs_agent.stores.buckets.address import Address, Opening, first_of
from lfs_agent.stores.buckets.profile import Profile

WHERE_KEYS_ARE = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
ANY_REGION = "https://s3.amazonaws.com"
"""Answers for a bucket of any region, if only with where it is."""

_WEB_IDENTITY = "AWS_WEB_IDENTITY_TOKEN_FILE"
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def opening(address: Address, anonymous: bool) -> Opening:
    """How to open the bucket. May ask AWS for its region, where nothing else says it.

    Raises ConfigurationError for credentials that cannot be used.
    """
    chosen = Profile("", {}) if anonymous else profile.read()
    endpoint = address.endpoint or _endpoint_elsewhere(chosen)
    region = address.region or first_of("AWS_REGION", "AWS_DEFAULT_REGION") or chosen.region
    if not region:
        region = "us-east-1" if endpoint else region_of(address.bucket) or "us-east-1"
    how = "" if anonymous else _credentials(chosen, endpoint)
    options = _options(address.bucket, endpoint, region)
    if _checksums(chosen):
        # The server then compares what arrives; not all compare it with the signature.
        options["checksum_algorithm"] = "SHA256"
    return Opening(
        options,
        endpoint or f"https://s3.{region}.amazonaws.com",
        how,
        (lambda: _keys(chosen)) if how == _of(chosen) else None,
        first_of("AWS_CA_BUNDLE") or chosen.authorities,
    )


def region_of(bucket: str) -> str:
    """Where AWS keeps a bucket, as it tells anybody; empty where it does not."""
    # They take as long to import as all the rest, and are mostly not needed.
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    request = Request(f"{ANY_REGION}/{bucket}", method="HEAD")
    try:
        with urlopen(request, timeout=5) as answer:
            headers = answer.headers
    except HTTPError as refusal:
        headers = refusal.headers
    except (OSError, HTTPException):  # the latter for a name that is none
        return ""
    return str(headers.get("x-amz-bucket-region", ""))


def _options(bucket: str, endpoint: str, region: str) -> dict[str, Any]:
    host = urlsplit(endpoint).hostname or ""
    options: dict[str, Any] = {
        "region": region,
        # Servers of one's own know buckets as paths; one that does not has its name in the host.
        # At AWS a dot in the name would not fit the certificate.
        "virtual_hosted_style_request": (
            host.startswith(f"{bucket}.") if endpoint else "." not in bucket
        ),
        # Not every server has the call for many at once.
        "disable_bulk_delete": True,
    }
    if endpoint:
        # Both, as the second would win, out of the environment.
        options |= {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint}
    return options


def _checksums(chosen: Profile) -> bool:
    """False where the user has said that the server does not know them."""
    wish = first_of("AWS_REQUEST_CHECKSUM_CALCULATION") or chosen.checksums
    return wish.lower() != "when_required"


def _endpoint_elsewhere(chosen: Profile) -> str:
    return (first_of("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") or chosen.endpoint).rstrip("/")


def _credentials(chosen: Profile, endpoint: str) -> str:
    """Where they are found, in the order of AWS's own tools; empty where nowhere."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        if not os.environ.get("AWS_SECRET_ACCESS_KEY"):
            raise ConfigurationError(
                "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not", WHERE_KEYS_ARE
            )
        return "AWS_ACCESS_KEY_ID"
    if os.environ.get(_WEB_IDENTITY):
        return _WEB_IDENTITY
    if chosen.key and chosen.secret:
        return _of(chosen)
    if first_of(*_CONTAINER):
        return "the container's role"
    chosen.require_keys_or_nothing()
    # An instance's role is good for AWS alone: another server would only be shown its token.
    return "the instance's role" if not endpoint and metadata.of_aws() else ""


def _of(chosen: Profile) -> str:
    return f"the AWS profile {chosen.name}"


def _keys(chosen: Profile) -> dict[str, str | None]:
    return {
        "access_key_id": chosen.key,
        "secret_access_key": chosen.secret,
        "token": chosen.token or None,
        "expires_at": None,
    }
