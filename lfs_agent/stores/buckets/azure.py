"""Opens `az://`: the storage account, and its key, a shared access signature or an identity."""

from typing import Any
from urllib.parse import urlsplit

from cacheferry.core.errors import ConfigurationError
from lfs_agent.stores.buckets import metadata
from lfs_agent.stores.buckets.address import Address, Opening, first_of, require_sealed

WHERE_KEYS_ARE = "set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_CLIENT_ID and its like"
# Whatever else obstore reads by itself, and what of it must be there.
_IDENTITIES = (
    "AZURE_STORAGE_TOKEN", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_SECRET",
    "AZURE_USE_AZURE_CLI", "AZURE_MSI_ENDPOINT", "AZURE_IDENTITY_ENDPOINT", "IDENTITY_ENDPOINT",
)  # fmt: skip


def opening(address: Address, anonymous: bool) -> Opening:
    """How to open the container. Raises ConfigurationError where no account is named."""
    connection = {} if anonymous else _connection()
    endpoint = address.endpoint or connection.get("BlobEndpoint", "").rstrip("/")
    require_sealed(endpoint)
    account = (
        _account_in(address.endpoint)
        or first_of("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
        or connection.get("AccountName", "")
    )
    if not account:
        raise ConfigurationError(
            f"az://{address.bucket} names no storage account",
            "add ?endpoint=https://ACCOUNT.blob.core.windows.net, or set AZURE_STORAGE_ACCOUNT",
        )
    options: dict[str, Any] = {"account_name": account}
    if endpoint:
        options["endpoint"] = endpoint
    how = ""
    if not anonymous:
        how, more = _credentials(connection, endpoint)
        options |= more
    return Opening(options, endpoint or f"https://{account}.blob.core.windows.net", how)


def _account_in(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    # An emulator has the account in its path, the service in its name.
    return parts.path.strip("/") or (parts.hostname or "").partition(".blob.")[0]


def _credentials(connection: dict[str, str], endpoint: str) -> tuple[str, dict[str, str]]:
    keys = ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY")
    if key := first_of(*keys) or connection.get("AccountKey", ""):
        return "the account's key", {"account_key": key}
    signatures = ("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY")
    if signature := first_of(*signatures) or connection.get("SharedAccessSignature", ""):
        return "a shared access signature", {"sas_key": signature.removeprefix("?")}
    for name in _IDENTITIES:
        if first_of(name):
            return name, {}
    if not endpoint or ".blob.core." in endpoint:
        return ("the machine's identity", {}) if metadata.of_azure() else ("", {})
    return "", {}


def _connection() -> dict[str, str]:
    fields = first_of("AZURE_STORAGE_CONNECTION_STRING").split(";")
    return {key: value for key, _, value in (field.partition("=") for field in fields) if value}
