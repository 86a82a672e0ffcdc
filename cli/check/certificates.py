"""What can be known of the certificates that destinations are shown, from their files."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from services.config.model import ConfigFile, Configuration, locate_error
from services.config.organisation import Destination


def looked(
    config: Configuration,
    sources: Sequence[ConfigFile],
    folder: Path,
    environ: Mapping[str, str],
    now: datetime,
) -> tuple[list[str], list[str]]:
    """Faults and warnings; by file and line, unless the files that name them have faults too."""
    faults, warnings = list[str](), list[str]()
    for n, destination in enumerate(config.destinations):
        wrong, doubt = _of(destination, folder, environ, now)
        for field, what, sentence in wrong:
            placed = (
                locate_error(sources, ("destinations", n, field), what) if sources else sentence
            )
            faults.append(str(placed))
        if doubt and sources:
            said = locate_error(sources, ("destinations", n, "client_certificate"), doubt)
            warnings.append(f"{said.path}:{said.line}: destination {destination.id}: {said.what}")
    return sorted(faults), warnings


def _of(
    destination: Destination, folder: Path, environ: Mapping[str, str], now: datetime
) -> tuple[list[tuple[str, str, str]], str]:
    """Field, what is wrong with its file, and both in a sentence; and what is doubtful."""
    from deliverer import credentials
    from deliverer.transport import client_certificates  # with all that a service stands on

    try:
        there = client_certificates.resolve_paths(destination, folder, environ)
        until = client_certificates.load(there).not_after if there else None
    except client_certificates.CertificateFilesError as error:
        return [
            (*each, credentials.describe_fault(destination, *each)) for each in error.faults
        ], ""
    doubt = client_certificates.expiry_warning(until, now) if until else ""
    return [], f"its client certificate {doubt}" if doubt else ""
