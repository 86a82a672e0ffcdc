"""The signer that the settings name: derived from the master key, or another process."""

from collections.abc import Sequence

import msgspec

from archiver.signing.remote_signer import RemoteSigner
from archiver.signing.signer import NoteSigner, Signer
from services.config.settings import SettingsError, SignerSettings
from services.transparency import signed_note
from services.transparency.signed_note import InvalidNote

PUBLIC_KEY = "POSTKAMER_ARCHIVE_PUBLIC_KEY"


def read_public_keys(verifiers: Sequence[str], origin: str) -> tuple[bytes, ...]:
    """Return the keys of a log from their published form, the newest first. Raises
    SettingsError."""
    keys = []
    for verifier in verifiers:
        try:
            name, key = signed_note.read_verifier(verifier)
        except InvalidNote as error:
            raise SettingsError([f"{PUBLIC_KEY}: {error}"]) from None
        if name != origin:
            raise SettingsError([f"{PUBLIC_KEY}: is of the log {name}, and this one is {origin}"])
        keys.append(key)
    return tuple(keys)


def configured_signer(origin: str, options: SignerSettings, seed: bytes) -> NoteSigner:
    """Return the signer; the seed is what signs if none is configured. Raises SettingsError if the
    public key of a configured one is missing or none."""
    keys = read_public_keys(options.archive_public_key, origin)
    if not options.archive_signer:
        signer = Signer(origin, seed)
        earlier = tuple(key for key in keys if key != signer.public_key)
        return msgspec.structs.replace(signer, earlier=earlier)
    if not keys:
        raise SettingsError([f"{PUBLIC_KEY}: is missing, and the signer is another process"])
    return RemoteSigner(origin, keys[0], socket_path(options), keys[1:])


def socket_path(options: SignerSettings) -> str:
    """Return the path of the signer's socket."""
    return options.archive_signer.removeprefix("unix://")
