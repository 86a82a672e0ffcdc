"""With what each destination is spoken to: keys, secrets and certificates, every fault at once."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deliverer.destinations import cloudevents
from deliverer.transport import client_certificates
from deliverer.transport.client_certificates import CertificateFilesError, Certificates
from deliverer.transport.http_client import Keys
from services.config.model import Configuration
from services.config.organisation import Destination
from services.config.settings import SettingsError, read, resolve_env


class Credentials(NamedTuple):
    """Of one destination. Not to be printed."""

    keys: Keys
    client_secret: str
    certificates: Certificates | None


def credentials(
    config: Configuration, folder: Path, environ: Mapping[str, str]
) -> dict[str, Credentials]:
    """Destination -> its own; paths are from this folder. SettingsError with all that is wrong."""
    faults: list[str] = []
    signing = _tried(faults, lambda: keys(config, environ))
    asking = _tried(faults, lambda: client_secrets(config, environ))
    shown: dict[str, Certificates] = {}
    for destination in config.destinations:
        try:
            if there := client_certificates.paths(destination, folder, environ):
                loaded = client_certificates.load(there)
                shown[destination.id] = Certificates(destination.id, there, loaded)
        except CertificateFilesError as error:
            faults += [credential_error(destination, *wrong) for wrong in error.faults]
    if faults:
        raise SettingsError(faults)
    return {
        d.id: Credentials(signing[d.id], asking.get(d.id, ""), shown.get(d.id))
        for d in config.destinations
    }


def credential_error(destination: Destination, field: str, what: str) -> str:
    return f"{field} (destination {destination.id}): {what}"


def _tried(faults: list[str], look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return look()
    except SettingsError as error:
        faults += error.faults
        return {}


def keys(config: Configuration, environ: Mapping[str, str]) -> dict[str, Keys]:
    """Destination -> its keys. SettingsError with every secret that is missing or wrong."""
    found: dict[str, Keys] = {}
    faults: list[str] = []
    for destination in config.destinations:
        try:
            found[destination.id] = tuple(_of(destination, environ))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise SettingsError(faults)
    return found


def client_secrets(config: Configuration, environ: Mapping[str, str]) -> dict[str, str]:
    """Destination -> with what it asks for tokens; SettingsError with every one that is missing."""
    found: dict[str, str] = {}
    faults: list[str] = []
    for destination in config.destinations:
        given = destination.oauth.client_secret if destination.oauth else ""
        if not given:
            continue
        try:
            found[destination.id] = resolve_env(given, environ)
        except ValueError as error:
            faults.append(f"{error} (client_secret of destination {destination.id})")
    if faults:
        raise SettingsError(faults)
    return found


def _of(destination: Destination, environ: Mapping[str, str]) -> Iterator[bytes]:
    mail = destination.kind == "mail"
    signs = destination.kind == "cloudevents"
    key_of: Callable[[str], bytes] = cloudevents.key_of if signs else str.encode
    for field in ("secret", "secret_next"):
        given: str = getattr(destination, field)
        name = given.removeprefix("env:") if given.startswith("env:") else field
        try:
            secret = (read(name, environ) or "") if name != field else given
            if not secret and (given or field == "secret") and not mail:
                raise ValueError("is missing")
            if secret or field == "secret":
                yield key_of(secret)
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else str(error)
            raise ValueError(f"{name} (destination {destination.id}): {what}") from None
