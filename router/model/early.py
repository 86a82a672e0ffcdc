"""A status that came before it is known which message it is about. A type."""

from datetime import datetime

import msgspec


class Early(msgspec.Struct, frozen=True, kw_only=True):
    """Kept until Meta's answer to the send names its wamid, or for as long as Meta repeats itself:
    what matches nothing by then is not ours."""

    wamid_hash: bytes
    status: str
    number: str
    code: int
    reason: str
    at: datetime
    """As Meta says."""
    pricing: bytes
    """JSON: as what Meta charges it."""
    received_at: datetime
