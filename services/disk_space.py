"""Space of a volume. Pure."""

import msgspec


class DiskSpace(msgspec.Struct, frozen=True):
    """Free and total bytes of a volume."""

    free: int
    total: int
