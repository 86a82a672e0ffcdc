"""The authority that the settings name."""

from pathlib import Path

from archiver.timestamps.authority import Authority
from archiver.timestamps.stamp import Authorities, InvalidStamp, load_authorities
from services.config.settings import SettingsError, TimestampSettings

ROOTS = "POSTKAMER_ARCHIVE_TIMESTAMP_ROOTS"


def configured_authorities(options: TimestampSettings) -> Authorities | None:
    """Return the certificates to which stamps must lead; None if none are configured. Raises
    SettingsError."""
    path = options.archive_timestamp_roots
    if not path:
        if options.archive_timestamps:
            raise SettingsError([f"{ROOTS}: is missing, and an authority is asked for time stamps"])
        return None
    try:
        return load_authorities(Path(path).read_bytes())
    except OSError as error:
        raise SettingsError([f"{ROOTS}: cannot be read ({error.strerror})"]) from None
    except InvalidStamp as error:
        raise SettingsError([f"{ROOTS}: {error}"]) from None


def configured_authority(options: TimestampSettings) -> Authority | None:
    """Return the authority; None if none is asked. Raises SettingsError."""
    authorities = configured_authorities(options)
    if not options.archive_timestamps or authorities is None:
        return None
    return Authority(options.archive_timestamps, authorities)
