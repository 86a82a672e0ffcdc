"""Check who signs the log, who co-signs it, and the authority that stamps it."""

import asyncio
from collections.abc import Callable, Mapping

from archiver.signing.configured_signer import PUBLIC_KEY, configured_signer, socket_path
from archiver.signing.remote_signer import ask_verifier
from archiver.signing.signer import SignerUnavailable
from archiver.signing.signing_keys import KEY_BYTES
from archiver.timestamps.configured_authority import configured_authority
from cli.check.servers import ServerCheck
from services.config import settings
from services.config.model import Configuration

SIGNER = "POSTKAMER_ARCHIVE_SIGNER"
DERIVED = (
    f'{SIGNER}: is missing, and environment = "production": the key that signs the log is derived'
    " from the master key on this machine, so that whoever has that can sign another log"
)
UNWITNESSED = (
    'POSTKAMER_ARCHIVE_WITNESSES: is missing, and environment = "production": nobody elsewhere sees'
    " it when the log is written and signed anew"
)


def check_log_signing(
    config: Configuration, environ: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Return faults and warnings. Other checks report settings that cannot be read."""
    try:
        signer = settings.load(settings.SignerSettings, environ)
        stamps = settings.load(settings.TimestampSettings, environ)
        witnesses = settings.load(settings.WitnessSettings, environ).archive_witnesses
    except settings.SettingsError:
        return [], []
    checks: tuple[Callable[[], object], ...] = (
        lambda: configured_signer(config.log, signer, bytes(KEY_BYTES)),
        lambda: configured_authority(stamps),
    )
    faults: list[str] = []
    for check in checks:
        try:
            check()
        except settings.SettingsError as error:
            faults += error.faults
    missing = [DERIVED] * (not signer.archive_signer) + [UNWITNESSED] * (not witnesses)
    return faults, missing if config.environment == "production" else []


def check_signer(environ: Mapping[str, str]) -> ServerCheck:
    """Ask the signer for its key, if it is another process."""
    result = ServerCheck()
    try:
        options = settings.load(settings.SignerSettings, environ)
    except settings.SettingsError:  # reported already
        return result
    if not options.archive_signer:
        return result
    try:
        verifier = asyncio.run(ask_verifier(socket_path(options)))
    except SignerUnavailable as error:
        result.faults.append(f"{SIGNER}: {error}")
        return result
    if options.archive_public_key and verifier != options.archive_public_key[0]:
        result.faults.append(f"{SIGNER}: it has another key than {PUBLIC_KEY} says")
    result.checked.append("signer")
    return result
