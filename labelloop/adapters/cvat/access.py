"""Where the CVAT server is and who we are there: from the environment, or from the sandbox's own file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from labelloop.core.errors import ConfigError, CvatLoginError


@dataclass(frozen=True)
class CvatAccess:
    """Address and credentials of a CVAT server; only the address and the organization are ever shown.

    Attributes:
        url: Address of the server, with scheme and without a trailing slash.
        token: Personal access token; preferred over the password.
        organization: Slug of the organization; empty is the personal space.
    """

    url: str
    token: str = field(default="", repr=False)
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    organization: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", _clean_url(self.url))


def access_from_environment(environ: Mapping[str, str], organization: str = "") -> CvatAccess:
    """Read `CVAT_URL` and `CVAT_ACCESS_TOKEN`, or `CVAT_USERNAME` and `CVAT_PASSWORD`.

    The names that FiftyOne uses (`FIFTYONE_CVAT_URL`, …) are read where labelloop's own are not set.

    Raises:
        ConfigError: If the address is missing or is not one.
        CvatLoginError: If there is neither a token nor a user name with a password.
    """
    url = _first(environ, "CVAT_URL", "FIFTYONE_CVAT_URL")
    if not url:
        raise ConfigError("no CVAT server is named", "Set CVAT_URL, for example to https://app.cvat.ai.")
    token = _first(environ, "CVAT_ACCESS_TOKEN")
    username = _first(environ, "CVAT_USERNAME", "FIFTYONE_CVAT_USERNAME")
    password = _first(environ, "CVAT_PASSWORD", "FIFTYONE_CVAT_PASSWORD")
    if not token and not (username and password):
        raise CvatLoginError(
            "there are no credentials for CVAT", "Set CVAT_ACCESS_TOKEN, or both CVAT_USERNAME and CVAT_PASSWORD."
        )
    return CvatAccess(url, token, username, password, organization)


def access_from_file(path: Path, organization: str = "") -> CvatAccess:
    """Read the credentials that the sandbox server wrote (`url`, `username`, `password`, `token`).

    Raises:
        ConfigError: If the file is missing or is not what the sandbox writes.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        return CvatAccess(
            str(content["url"]),
            str(content.get("token") or ""),
            str(content.get("username") or ""),
            str(content.get("password") or ""),
            organization,
        )
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", "Start the sandbox with `labelloop up`.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        # Nothing of the content is repeated here: it holds a password.
        raise ConfigError(f"{path} is not a credentials file", "Start the sandbox again with `labelloop up`.") from None


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")


def _clean_url(url: str) -> str:
    address = url.strip() if "://" in url else f"https://{url.strip()}"
    try:
        parts = urlsplit(address)
        userinfo, usable = "@" in parts.netloc, parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        userinfo, usable = "@" in address, False
    if userinfo:
        raise ConfigError(
            "CVAT_URL holds a user name or password",
            "Give the address alone, and the credentials in CVAT_USERNAME and CVAT_PASSWORD.",
        )
    if not usable:
        raise ConfigError(f"'{address}' is not the address of a CVAT server", "Set CVAT_URL like https://host:port.")
    return address.rstrip("/")
