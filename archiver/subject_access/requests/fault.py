"""Reasons for which a request is not opened, extended or decided as somebody asked. Pure."""

from collections.abc import Sequence

import msgspec


class OrderFault(msgspec.Struct, frozen=True):
    """Member that is wrong, and why; '' for the order as a whole."""

    member: str
    sentence: str
    allowed: tuple[str, ...] = ()
    """All that the member may be, if it is one of a few."""


class OrderRefused(Exception):
    """Nothing was changed. `code` tells refusals apart that are no wrong member."""

    def __init__(self, faults: Sequence[OrderFault], code: str = "") -> None:
        super().__init__("\n".join(each.sentence for each in faults))
        self.faults, self.code = faults, code
