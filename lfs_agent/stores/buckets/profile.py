"""The profile that AWS's own tools would use: `~/.aws/config` and `~/.aws/credentials`."""

import os
from configparser import Error, RawConfigParser

from cacheferry.core.errors import ConfigurationError
from lfs_agent.stores.buckets.address import first_of

_OTHER_WAYS = ("sso_session", "sso_start_url", "credential_process", "role_arn", "login_session")


class Profile:
    """The settings of one profile, and the keys in it."""

    def __init__(self, name: str, settings: dict[str, str]) -> None:
        self.name = name
        self.region = settings.get("region", "")
        self.endpoint = settings.get("endpoint_url", "")
        self.checksums = settings.get("request_checksum_calculation", "")
        self.authorities = settings.get("ca_bundle", "")
        self.key = settings.get("aws_access_key_id", "")
        self.secret = settings.get("aws_secret_access_key", "")
        self.token = settings.get("aws_session_token", "")
        self._other_way = next((way for way in _OTHER_WAYS if way in settings), "")

    def require_keys_or_nothing(self) -> None:
        """Raises ConfigurationError where it signs in by a way that takes a program or a browser.

        Such a program is not ours to start: the agent runs wherever git does.
        """
        if self._other_way and not self.key:
            raise ConfigurationError(
                f"the AWS profile {self.name} has no keys of its own but {self._other_way},"
                " which cacheferry does not follow",
                f'eval "$(aws configure export-credentials --profile {self.name} --format env)"',
            )


def read() -> Profile:
    """The profile of AWS_PROFILE, or `default`, which need not exist.

    Raises ConfigurationError where the one that was asked for is not there, or a file is broken.
    """
    wanted = first_of("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    name = wanted or "default"
    config = _sections("AWS_CONFIG_FILE", "config")
    keys = _sections("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    found = [config.get(f"profile {name}"), config.get(name) if name == "default" else None]
    found.append(keys.get(name))
    if wanted and not any(section is not None for section in found):
        raise ConfigurationError(
            f"there is no AWS profile {name} in ~/.aws", "look at AWS_PROFILE, or `aws configure`"
        )
    settings: dict[str, str] = {}
    for section in filter(None, found):
        settings |= section
    return Profile(name, settings)


def _sections(variable: str, name: str) -> dict[str, dict[str, str]]:
    path = os.path.expanduser(os.environ.get(variable) or os.path.join("~", ".aws", name))
    parser = RawConfigParser(strict=False, default_section="\0")
    try:
        parser.read(path, "utf-8")
    except (Error, UnicodeDecodeError):
        # Its own words would quote the line, in which a secret may stand.
        raise ConfigurationError(f"{path} is no file of AWS settings") from None
    return {section: dict(parser[section]) for section in parser.sections()}
