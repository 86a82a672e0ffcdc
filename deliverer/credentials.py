"""With what each destination is spoken to: keys, secrets and certificates, every fault at once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deliverer.secrets import Keys, client_secrets, keys
from deliverer.transport import client_certificates
from deliverer.transport.client_certificates import Certificates, WrongFiles
from services.config.model import Config
from services.config.organisation import Destination
from services.config.settings import SettingsError


class Credentials(NamedTuple):
    """Of one destination. Not to be printed."""

    keys: Keys
    client_secret: str
    certificates: Certificates | None


def credentials(config: Config, folder: Path, environ: Mapping[str, str]) -> dict[str, Credentials]:
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
        except WrongFiles as error:
            faults += [sentence(destination, *wrong) for wrong in error.faults]
    if faults:
        raise SettingsError(faults)
    return {
        d.id: Credentials(signing[d.id], asking.get(d.id, ""), shown.get(d.id))
        for d in config.destinations
    }


def sentence(destination: Destination, field: str, what: str) -> str:
    return f"{field} (destination {destination.id}): {what}"


def _tried(faults: list[str], look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return look()
    except SettingsError as error:
        faults += error.faults
        return {}
