"""That somebody is called otherwise than before: the type, kept with the decision. Pure."""

from typing import Literal

import msgspec

Event = Literal["gained", "ended", "moved"]


class Renamed(msgspec.Struct, frozen=True):
    """An identifier that somebody who is known gained, that is nobody's from here on, or that was
    somebody else's until now."""

    event: Event
    kind: str
    value: str
