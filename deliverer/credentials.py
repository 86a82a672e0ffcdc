"""With what each destination is spoken to: keys, secrets and certificates, every fault at once."""

from collections.abc import Mapping
from pathlib import Path

from deliverer.crm.destination_kind import Credentials, Secrets
from deliverer.destinations import DESTINATIONS
from deliverer.transport import client_certificates
from deliverer.transport.client_certificates import CertificateFilesError, Certificates
from services.config.model import Configuration
from services.config.organisation import Destination
from services.config.settings import SettingsError


def credentials(
    config: Configuration, folder: Path, environ: Mapping[str, str]
) -> dict[str, Credentials]:
    """Destination -> its own; paths are from this folder. SettingsError with all that is wrong."""
    faults: list[str] = []
    resolved: dict[str, Secrets] = {}
    try:
        resolved = load_secrets(config, environ)
    except SettingsError as error:
        faults += error.faults
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
    return {id: Credentials(*each, shown.get(id)) for id, each in resolved.items()}


def credential_error(destination: Destination, field: str, what: str) -> str:
    return f"{field} (destination {destination.id}): {what}"


def load_secrets(config: Configuration, environ: Mapping[str, str]) -> dict[str, Secrets]:
    """Destination -> its secrets. SettingsError with every secret that is missing or wrong."""
    faults: list[str] = []
    found = {
        destination.id: DESTINATIONS[destination.kind].secrets(destination, environ, faults)
        for destination in config.destinations
    }
    if faults:
        raise SettingsError(faults)
    return found
