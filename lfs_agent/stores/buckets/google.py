"""Opens `gs://`: Google's application default credentials, or none."""

import os

from lfs_agent.stores.buckets import metadata
from lfs_agent.stores.buckets.address import Address, Opening, first_of, require_sealed

WHERE_KEYS_ARE = "set GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`"
_SERVICE = "https://storage.googleapis.com"
_OBSTORES_OWN = (
    "GOOGLE_BEARER_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
)  # fmt: skip


def opening(address: Address, anonymous: bool) -> Opening:
    """How to open the bucket. Raises ConfigurationError for an endpoint in the clear."""
    require_sealed(address.endpoint)
    options = {"base_url": address.endpoint} if address.endpoint else {}
    how = ""
    if not anonymous:
        how, more = _credentials(address.endpoint)
        options |= more
    return Opening(options, address.endpoint or _SERVICE, how)


def _credentials(endpoint: str) -> tuple[str, dict[str, str]]:
    for name in _OBSTORES_OWN:
        if os.environ.get(name):
            return name, {}
    if path := first_of("GOOGLE_APPLICATION_CREDENTIALS"):
        return path, {"application_credentials": path}
    path = os.path.join(_gcloud_folder(), "application_default_credentials.json")
    if os.path.isfile(path):
        return path, {"application_credentials": path}
    if not endpoint and metadata.of_google():
        return "the machine's service account", {}
    return "", {}


def _gcloud_folder() -> str:
    if folder := first_of("CLOUDSDK_CONFIG"):
        return folder
    if os.name == "nt":
        return os.path.join(os.environ.get("APPDATA", ""), "gcloud")
    return os.path.join(os.path.expanduser("~"), ".config", "gcloud")
