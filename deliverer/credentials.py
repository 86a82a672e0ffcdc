"""Credentials of the destinations: keys, secrets and certificates, with all faults in one error."""

from collections.abc import Mapping
from pathlib import Path

from deliverer.crm.destination_kind import Credentials, Secrets
from deliverer.destinations import DESTINATIONS
from deliverer.transport import client_certificates
from deliverer.transport.client_certificates import CertificateFilesError, Certificates
from services.config.model import Configuration
from services.config.organisation import Destination, HttpDestination
from services.config.settings import SettingsError, exposed_calls


def load_credentials(
    config: Configuration, folder: Path, environ: Mapping[str, str]
) -> dict[str, Credentials]:
    """Return the credentials of each destination. Relative paths start from `folder`.
    SettingsError lists every fault."""
    faults: list[str] = []
    resolved: dict[str, Secrets] = {}
    try:
        resolved = load_secrets(config, environ)
    except SettingsError as error:
        faults += error.faults
    certificates: dict[str, Certificates] = {}
    for destination in config.destinations:
        try:
            if paths := client_certificates.resolve_paths(destination, folder, environ):
                loaded = client_certificates.load(paths)
                certificates[destination.id] = Certificates(destination.id, paths, loaded)
        except CertificateFilesError as error:
            faults += [describe_fault(destination, *wrong) for wrong in error.faults]
    if faults:
        raise SettingsError(faults)
    return {id: Credentials(secrets, certificates.get(id)) for id, secrets in resolved.items()}


def describe_fault(destination: Destination, field: str, what: str) -> str:
    return f"{field} (destination {destination.id}): {what}"


def load_secrets(config: Configuration, environ: Mapping[str, str]) -> dict[str, Secrets]:
    """Return the secrets of each destination. SettingsError lists every missing or wrong secret,
    and every address that they must not be sent to."""
    faults = [
        describe_fault(destination, setting, what)
        for destination in config.destinations
        if isinstance(destination, HttpDestination)
        for setting, address in destination.addresses.items()
        for what in exposed_calls([address], environ)
    ]
    secrets = {
        destination.id: DESTINATIONS[destination.kind].secrets(destination, environ, faults)
        for destination in config.destinations
    }
    if faults:
        raise SettingsError(faults)
    return secrets
