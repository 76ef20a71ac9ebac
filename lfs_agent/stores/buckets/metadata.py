"""Whether this machine runs in a cloud that hands out credentials to it.

Asked before obstore may ask, which would wait and retry on every laptop.
"""

import os

HOST = "169.254.169.254"
PATIENCE = 0.5
"""Seconds; where there is such a server it is on the machine's own host."""


def of_aws() -> bool:
    """True on EC2, unless AWS_EC2_METADATA_DISABLED says not to ask."""
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    seconds = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    return _answers("PUT", "/latest/api/token", seconds)


def of_google() -> bool:
    """True on Google's machines that have a service account."""
    path = "/computeMetadata/v1/instance/service-accounts/default/email"
    return _answers("GET", path, {"Metadata-Flavor": "Google"})


def of_azure() -> bool:
    """True on Azure's machines."""
    return _answers("GET", "/metadata/instance?api-version=2021-02-01", {"Metadata": "true"})


def _answers(method: str, path: str, headers: dict[str, str]) -> bool:
    from http.client import HTTPConnection, HTTPException  # too slow to import where not needed

    connection = HTTPConnection(HOST, timeout=PATIENCE)
    try:
        connection.request(method, path, headers=headers)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
