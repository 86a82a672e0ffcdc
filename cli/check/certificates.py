"""Check the client certificates of destinations, from their files."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from services.config.model import ConfigFile, Configuration, locate_error
from services.config.organisation import Destination


def check_certificates(
    config: Configuration,
    sources: Sequence[ConfigFile],
    folder: Path,
    environ: Mapping[str, str],
    now: datetime,
) -> tuple[list[str], list[str]]:
    """Return faults and warnings, with file and line unless the configuration has faults itself."""
    faults, warnings = list[str](), list[str]()
    for n, destination in enumerate(config.destinations):
        file_faults, warning = _check_destination(destination, folder, environ, now)
        for field, fault, sentence in file_faults:
            located = (
                locate_error(sources, ("destinations", n, field), fault) if sources else sentence
            )
            faults.append(str(located))
        if warning and sources:
            place = locate_error(sources, ("destinations", n, "client_certificate"), warning)
            text = f"destination {destination.id}: {place.what}"
            warnings.append(f"{place.path}:{place.line}: {text}")
    return sorted(faults), warnings


def _check_destination(
    destination: Destination, folder: Path, environ: Mapping[str, str], now: datetime
) -> tuple[list[tuple[str, str, str]], str]:
    """Return (field, fault, sentence with both) for each fault, and a warning or ''."""
    # Imported late: these modules import all that a service needs.
    from deliverer import credentials
    from deliverer.transport import client_certificates

    try:
        paths = client_certificates.resolve_paths(destination, folder, environ)
        until = client_certificates.load(paths).not_after if paths else None
    except client_certificates.CertificateFilesError as error:
        return [
            (*each, credentials.describe_fault(destination, *each)) for each in error.faults
        ], ""
    doubt = client_certificates.expiry_warning(until, now) if until else ""
    return [], f"its client certificate {doubt}" if doubt else ""
