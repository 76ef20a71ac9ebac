"""Credentials are found as AWS's, Google's and Azure's own tools find them, and never shown."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cacheferry.core import storeurl
from cacheferry.core.errors import CacheferryError, ConfigurationError, StoreDenied
from cacheferry.core.store import Store, no_progress
from lfs_agent.stores import open_store
from lfs_agent.stores.buckets import aws, azure, google, metadata
from lfs_agent.stores.buckets.address import Address
from tests.servers import azurite, seaweedfs
from tests.servers.between import Answer, Between
from tests.servers.place import oid_of
from tests.servers.seaweedfs import READER, WRITER, S3Place

DATA = b"some data"
OID = oid_of(DATA)
SECRETS = ("the-writers-secret", "the-readers-secret", "a-wrong-secret", azurite.KEY)


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without any credentials, on a machine of their own."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "CLOUDSDK_")):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(metadata, "HOST", "127.0.0.1:1")


@pytest.fixture
def place() -> S3Place:
    return S3Place(seaweedfs.server())


@pytest.fixture
def recorder() -> Iterator[Between]:
    between = Between(seaweedfs.server().endpoint)
    yield between
    between.close()


def opened(url: str, anonymous: bool = False) -> Store:
    return open_store(storeurl.parse(url, Path.cwd()), anonymous)


def put(url: str, folder: Path) -> None:
    (folder / "source").write_bytes(DATA)
    opened(url).put(OID, folder / "source", no_progress)


def refusal(url: str, folder: Path, kind: type[CacheferryError] = StoreDenied) -> str:
    """What the user reads when a put fails."""
    with pytest.raises(kind) as error:
        put(url, folder)
    text = f"{error.value.message}\n{error.value.hint}"
    assert not any(secret in text for secret in SECRETS)
    return text


def aws_folder(home: Path, config: str = "", credentials: str = "") -> None:
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "config").write_text(config)
    (home / ".aws" / "credentials").write_text(credentials)


def keys(of: dict[str, str]) -> str:
    return "".join(f"{name.lower()} = {value}\n" for name, value in of.items())


def environment(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_keys_of_the_environment(place, tmp_path, monkeypatch):
    environment(monkeypatch, WRITER)
    put(place.url, tmp_path)
    assert place.held(OID) == DATA


def test_keys_of_the_default_profile(place, tmp_path):
    aws_folder(tmp_path / "home", credentials="[default]\n" + keys(WRITER))
    put(place.url, tmp_path)
    assert place.held(OID) == DATA


def test_profile_that_is_chosen_is_used_and_no_other(place, tmp_path, monkeypatch):
    text = "[profile lab]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n" + keys(WRITER)
    aws_folder(tmp_path / "home", text, "[default]\n" + keys(READER))
    assert "docs/stores-s3.md" in refusal(place.url, tmp_path)
    monkeypatch.setenv("AWS_PROFILE", "lab")
    put(place.url, tmp_path)
    assert place.held(OID) == DATA


def test_endpoint_and_region_of_the_profile(place, tmp_path):
    text = f"[default]\nregion = eu-west-1\nendpoint_url = {seaweedfs.server().endpoint}\n"
    aws_folder(tmp_path / "home", text, "[default]\n" + keys(WRITER))
    put(place.url.partition("?")[0], tmp_path)
    assert place.held(OID) == DATA


def test_endpoint_of_the_address_comes_before_that_of_the_environment(place, tmp_path, monkeypatch):
    environment(monkeypatch, WRITER)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    put(place.url, tmp_path)
    assert place.held(OID) == DATA


def test_session_token_of_the_environment_is_not_mixed_with_keys_of_a_profile(
    recorder, tmp_path, monkeypatch
):
    aws_folder(tmp_path / "home", credentials="[default]\n" + keys(WRITER))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-other-keys")
    put(S3Place(seaweedfs.server(), endpoint=recorder.endpoint).url, tmp_path)
    assert recorder.requests
    assert not any("x-amz-security-token" in one.headers for one in recorder.requests)


def test_profile_that_does_not_exist(place, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    assert "no AWS profile nobodys" in refusal(place.url, tmp_path, ConfigurationError)


@pytest.mark.parametrize("way", ["sso_session = me", "credential_process = touch ran"])
def test_profile_that_signs_in_otherwise_is_named_and_no_program_is_run(
    place, tmp_path, monkeypatch, way
):
    monkeypatch.chdir(tmp_path)
    aws_folder(tmp_path / "home", f"[profile work]\n{way}\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    said = refusal(place.url, tmp_path, ConfigurationError)
    assert way.partition(" ")[0] in said and "export-credentials --profile work" in said
    assert not (tmp_path / "ran").exists()


def test_file_that_is_no_profile_is_named_without_what_stands_in_it(place, tmp_path):
    aws_folder(tmp_path / "home", credentials="a-wrong-secret\n[default]\n")
    assert "credentials is no file of AWS settings" in refusal(
        place.url, tmp_path, ConfigurationError
    )


def test_half_a_key_is_named(place, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "WRITERKEY")
    assert "AWS_SECRET_ACCESS_KEY is not" in refusal(place.url, tmp_path, ConfigurationError)


def test_key_that_the_server_does_not_know(place, tmp_path, monkeypatch):
    environment(monkeypatch, {**WRITER, "AWS_ACCESS_KEY_ID": "NOBODYSKEY"})
    assert "does not know the key of AWS_ACCESS_KEY_ID" in refusal(place.url, tmp_path)


def test_wrong_secret(place, tmp_path, monkeypatch):
    environment(monkeypatch, {**WRITER, "AWS_SECRET_ACCESS_KEY": "a-wrong-secret"})
    assert "does not accept the signature" in refusal(place.url, tmp_path)


def test_reader_reads_and_may_neither_write_nor_delete(place, tmp_path, monkeypatch):
    environment(monkeypatch, READER)
    assert "refuses access (signed with AWS_ACCESS_KEY_ID)" in refusal(place.url, tmp_path)
    place.keep(OID, DATA)
    store = opened(place.url)
    store.get(OID, tmp_path / "target", no_progress)
    assert (tmp_path / "target").read_bytes() == DATA
    with pytest.raises(StoreDenied):
        store.delete(OID)
    assert place.held(OID) == DATA


def test_public_bucket_is_read_without_credentials_and_not_written(tmp_path, monkeypatch):
    place = S3Place(seaweedfs.server(), "public")
    assert "no" in refusal(place.url, tmp_path) and place.names() == []
    assert "AWS_PROFILE" in refusal(place.url, tmp_path)
    place.keep(OID, DATA)
    opened(place.url).get(OID, tmp_path / "target", no_progress)
    assert (tmp_path / "target").read_bytes() == DATA


def test_closed_bucket_says_that_no_credentials_were_found(place, tmp_path):
    place.keep(OID, DATA)
    with pytest.raises(StoreDenied) as error:
        opened(place.url).get(OID, tmp_path / "target", no_progress)
    assert "none were found" in error.value.message and "AWS_PROFILE" in str(error.value.hint)


def test_store_that_nobody_has_accepted_gets_no_credential(recorder, tmp_path, monkeypatch):
    place = S3Place(seaweedfs.server(), "public", recorder.endpoint)
    place.keep(OID, DATA)
    aws_folder(tmp_path / "home", credentials="[default]\n" + keys(WRITER))
    environment(monkeypatch, {
        **WRITER, "AWS_SESSION_TOKEN": "the-writers-token", "AWS_SERVER_SIDE_ENCRYPTION": "sse-c",
        "AWS_SSE_CUSTOMER_KEY_BASE64": "A" * 43 + "=",
    })  # fmt: skip
    store = opened(place.url, anonymous=True)
    assert store.size(OID) == len(DATA)
    store.get(OID, tmp_path / "target", no_progress)
    assert OID in {one.oid for one in store.objects()}
    with pytest.raises(StoreDenied, match="nobody has accepted"):
        store.delete(OID)
    sent = {name for one in recorder.requests for name in one.headers}
    assert sent and not {name for name in sent if name.startswith(("auth", "x-amz", "cookie"))}
    assert not any("X-Amz" in one.path for one in recorder.requests)


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_other_services_get_no_credential_either(recorder, scheme, tmp_path, monkeypatch):
    recorder.decide = lambda _request: Answer(404)
    environment(monkeypatch, {
        "GOOGLE_BEARER_TOKEN": "the-bearers-token", "AZURE_STORAGE_KEY": azurite.KEY,
        "AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=the-signature", "AZURE_STORAGE_TOKEN": "the-token",
        "AZURE_STORAGE_ENCRYPTION_KEY": azurite.KEY,
    })  # fmt: skip
    store = opened(f"{scheme}://bucket/p?endpoint={recorder.endpoint}/account", anonymous=True)
    assert store.size(OID) is None
    asked = [one for one in recorder.requests if oid_of(DATA) in one.path]
    assert asked and "authorization" not in asked[0].headers and "sig=" not in asked[0].path
    assert not any(name.startswith("x-ms-encryption") for name in asked[0].headers)


def test_instance_is_asked_only_at_aws_itself(recorder, monkeypatch):
    monkeypatch.setattr(metadata, "HOST", recorder.endpoint.partition("//")[2])
    recorder.decide = lambda _request: Answer(200, b"token")
    assert aws.opening(Address("bucket", "", "", "eu-west-1"), False).how == "the instance's role"
    seen = len(recorder.requests)
    assert seen == 1 and recorder.requests[0].path == "/latest/api/token"
    assert aws.opening(Address("bucket", "", "https://elsewhere", ""), False).how == ""
    assert aws.opening(Address("bucket", "", "", "eu-west-1"), True).how == ""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert aws.opening(Address("bucket", "", "", "eu-west-1"), False).how == ""
    assert len(recorder.requests) == seen


def test_region_is_that_of_the_bucket_where_nothing_else_says_it(recorder, monkeypatch):
    there = (("x-amz-bucket-region", "eu-central-1"),)
    recorder.decide = lambda _request: Answer(403, headers=there)
    monkeypatch.setattr(aws, "ANY_REGION", recorder.endpoint)
    opening = aws.opening(Address("bucket", "", "", ""), True)
    assert opening.options["region"] == "eu-central-1"
    assert [(one.method, one.path) for one in recorder.requests] == [("HEAD", "/bucket")]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert aws.opening(Address("bucket", "", "", ""), True).options["region"] == "us-west-2"
    assert len(recorder.requests) == 1


@pytest.mark.parametrize(
    ("bucket", "endpoint", "virtual"),
    [
        ("caches", "", True),
        ("my.caches", "", False),
        ("caches", "https://minio.lab:9000", False),
        ("caches", "https://caches.oss-eu-central-1.aliyuncs.com", True),
    ],
)
def test_style_of_the_address(bucket, endpoint, virtual):
    opening = aws.opening(Address(bucket, "", endpoint, "eu-west-1"), True)
    assert opening.options["virtual_hosted_style_request"] is virtual


def test_google_finds_its_application_default_credentials(tmp_path, monkeypatch):
    address = Address("bucket", "", "", "")
    assert google.opening(address, False).how == ""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    file = tmp_path / "application_default_credentials.json"
    file.write_text("{}")
    assert google.opening(address, False).options == {"application_credentials": str(file)}
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/own.json")
    assert google.opening(address, False).options == {"application_credentials": "/own.json"}
    assert google.opening(address, True).options == {}


def test_google_credentials_that_cannot_be_used_are_named(tmp_path, monkeypatch):
    (tmp_path / "own.json").write_text('{"type": "a-wrong-secret"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "own.json"))
    assert "own.json" in refusal("gs://bucket/p", tmp_path, ConfigurationError)


def test_azure_knows_the_account_and_its_key(monkeypatch):
    named = Address("caches", "", "https://lab.blob.core.windows.net", "")
    unnamed = Address("caches", "", "", "")
    with pytest.raises(ConfigurationError, match="names no storage account"):
        azure.opening(unnamed, False)
    assert azure.opening(named, True).options["account_name"] == "lab"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "own")
    assert azure.opening(unnamed, True).options == {"account_name": "own"}
    environment(monkeypatch, {"AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=x"})
    assert azure.opening(named, False).options["sas_key"] == "sv=1&sig=x"
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT")
    connection = "AccountName=conn;AccountKey=a2V5==;EndpointSuffix=core.windows.net"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
    found = azure.opening(unnamed, False).options
    assert (found["account_name"], found["account_key"]) == ("conn", "a2V5==")


def test_azure_wrong_key_is_named(tmp_path, monkeypatch):
    wrong = azurite.KEY[:-4] + "AA=="
    monkeypatch.setenv("AZURE_STORAGE_KEY", wrong)
    said = refusal(azurite.AzurePlace(azurite.server()).url, tmp_path)
    assert "does not accept the signature with the account's key" in said and wrong not in said


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_tokens_do_not_cross_a_network_in_the_clear(scheme, tmp_path):
    said = refusal(
        f"{scheme}://bucket/p?endpoint=http://far.lab/account", tmp_path, CacheferryError
    )
    assert "not encrypted" in said
