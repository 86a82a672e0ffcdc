"""The section of a conversation that a page shows, and what it needs of the messages around it.
Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from desk.postkamer.record import Message

SIZE = 100
"""Messages of a section: some ten screens, and most conversations as a whole. Reading and drawing
one takes about a millisecond, so that a section takes a tenth of a second."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    messages: Sequence[Message] = ()
    """Messages that are shown, oldest first."""
    older: Sequence[Message] = ()
    """Messages before them, as far as these were read for what the section needs of them."""
    newer: Sequence[Message] = ()
    """Messages after them, in which a reaction to one of them may be."""
    earlier: int | None = None
    """Sequence number before which the section before this one begins; None in the first one."""
    is_newest: bool = True

    @property
    def known(self) -> list[Message]:
        """Messages that were read, oldest first."""
        return [*self.older, *self.messages, *self.newer]

    @property
    def end(self) -> int:
        """Sequence number up to which a reader of the section knows the conversation."""
        return max((each.sequence for each in self.messages), default=self.earlier or 0)

    def covers(self, at: datetime) -> bool:
        """Return True if what happened beside the messages then is shown in this section. Each
        moment is in one of the sections."""
        return not self.is_before(at) and not (self.newer and at >= self.newer[0].received_at)

    def is_before(self, at: datetime) -> bool:
        """Return True for a moment of an earlier section."""
        return (
            self.earlier is not None and bool(self.messages) and at < self.messages[0].received_at
        )


def section_from(messages: Sequence[Message], after: int, *, has_more: bool) -> Section:
    """Return the section of a page that was read from the oldest message on, after a sequence
    number. If more follow, its last message is the first one of the next section: what happened
    before it is shown in this one."""
    size = len(messages) - has_more
    return Section(messages=messages[:size], newer=messages[size:], earlier=after or None)
