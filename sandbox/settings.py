"""Settings of the sandbox: its address, the services it calls, and the secrets shared with them.

The secrets have defaults, since the sandbox only plays the outside world; a real installation never
runs it.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from sandbox.openklant.versions import API_VERSIONS, NEWEST, Version
from services.config.settings import SettingsError, parse_ops_urls, read

HIGHEST_PORT = 65_535
LONGEST_TOKEN_SECONDS = 24 * 60 * 60
"""Longest life of an access token: the APIs take none that lives longer."""


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    bind: str = "127.0.0.1"
    port: int = 8090
    """Port to listen on; 0 takes any free port."""
    gateway_url: str = "http://127.0.0.1:8080"
    archiver_url: str = "http://127.0.0.1:8083"
    api_token: str = ""
    """Token of its desks; without one the gateway refuses what they write."""
    app_secret: str = "sandbox-app-secret"
    access_token: str = "sandbox-access-token"
    platform_secret: str = "sandbox-platform-secret"
    """Secret that 360dialog signs with."""
    crm_secret: bytes = b"sandbox-crm-secret"
    openklant_token: str = "5a6d626f7800000000000000000000000000beef"
    """Token for Open Klant: 40 characters, like its own tokens."""
    openklant_version: Version = NEWEST
    config: Path | None = None
    """Path of postkamer.toml; without it the page shows an example municipality."""
    seed: int | None = None
    """Seed that makes delays and the disorder of statuses the same in every run."""
    status_seconds: tuple[float, float] = (0.2, 2.0)
    """Shortest and longest delay of a status."""
    ops_urls: tuple[tuple[str, str], ...] = ()
    """Names of services, each with the address of its operations port, to learn of a change of the
    rules that they refused."""
    limits: bool = False
    """True if the Graph API applies Meta's rate limits: 80 messages/s a number, 45 a citizen."""
    desk_url: str = "http://127.0.0.1:8070"
    """Public address of the desk, the one client of the identity provider."""
    desk_client_id: str = "desk"
    desk_client_secret: str = "sandbox-desk-secret"
    token_seconds: int = 300
    """Life of the access tokens that the identity provider gives."""


def load(environ: Mapping[str, str]) -> SandboxSettings:
    """Read the settings from `environ`. Raises SettingsError with everything that is wrong."""
    faults: list[str] = []
    fields: dict[str, object] = {}
    for field, (variable, parse) in VARIABLES.items():
        try:
            if text := read(variable, environ):
                fields[field] = parse(text.strip())
        except OSError as error:
            faults.append(f"{variable}_FILE: cannot be read ({error.strerror})")
        except ValueError as error:
            faults.append(f"{variable}: {error}")
    if faults:
        raise SettingsError(faults)
    return msgspec.convert(fields, SandboxSettings)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise ValueError(f"expected a port number from 0 to {HIGHEST_PORT}")
    return int(text)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("expected an address that starts with http:// or https://")
    return text.rstrip("/")


def _first(text: str) -> str:
    first = text.split(",")[0].strip()
    if not first:
        raise ValueError("expected one or more secrets, comma separated")
    return first


def crm_secret(text: str) -> bytes:
    """Return the bytes of the secret, which Standard Webhooks writes as `whsec_<base64>`."""
    prefix, marker, encoded = text.partition("whsec_")
    if prefix or not marker:
        return text.encode()
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("expected base64 after whsec_") from error


def _version(text: str) -> str:
    if text not in API_VERSIONS:
        raise ValueError(f"expected one of {', '.join(API_VERSIONS)}")
    return text


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError("expected a whole number") from error


def _token_seconds(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= LONGEST_TOKEN_SECONDS:
        raise ValueError(f"expected a number of seconds from 1 to {LONGEST_TOKEN_SECONDS}")
    return int(text)


def _range(text: str) -> tuple[float, float]:
    try:
        least, most = (float(part) for part in text.split("-"))
    except ValueError as error:
        raise ValueError("expected two numbers of seconds, such as 0.2-2") from error
    if not 0 <= least <= most:
        raise ValueError("expected the shorter time first")
    return least, most


def _use_limits(text: str) -> bool:
    if text not in {"none", "meta"}:
        raise ValueError("expected none or meta")
    return text == "meta"


VARIABLES: dict[str, tuple[str, Callable[[str], object]]] = {
    "bind": ("POSTKAMER_BIND", str),
    "port": ("POSTKAMER_SANDBOX_PORT", _port),
    "gateway_url": ("POSTKAMER_GATEWAY_URL", _url),
    "archiver_url": ("POSTKAMER_ARCHIVER_URL", _url),
    "api_token": ("POSTKAMER_API_TOKEN", str),
    "app_secret": ("POSTKAMER_META_APP_SECRETS", _first),
    "access_token": ("POSTKAMER_META_ACCESS_TOKEN", str),
    "platform_secret": ("POSTKAMER_SANDBOX_PLATFORM_SECRET", str),
    "crm_secret": ("CRM_SECRET", crm_secret),
    "openklant_token": ("POSTKAMER_SANDBOX_OPENKLANT_TOKEN", str),
    "openklant_version": ("POSTKAMER_SANDBOX_OPENKLANT_VERSION", _version),
    "config": ("POSTKAMER_CONFIG", Path),
    "seed": ("POSTKAMER_SANDBOX_SEED", _whole),
    "status_seconds": ("POSTKAMER_SANDBOX_STATUS_SECONDS", _range),
    "ops_urls": ("POSTKAMER_OPS_URLS", parse_ops_urls),
    "limits": ("POSTKAMER_SANDBOX_LIMITS", _use_limits),
    "desk_url": ("POSTKAMER_DESK_URL", _url),
    "desk_client_id": ("POSTKAMER_DESK_CLIENT_ID", str),
    "desk_client_secret": ("POSTKAMER_DESK_CLIENT_SECRET", str),
    "token_seconds": ("POSTKAMER_SANDBOX_TOKEN_SECONDS", _token_seconds),
}
