"""What one webhook body holds, item by item.

An item is the unit of everything: of success, of failure, of de-duplication. Each carries its own
JSON exactly as it stood in the body (`raw`), so the archive never depends on what was understood.
Names of content types and their fields are Meta's.
"""

from datetime import datetime
from typing import Any

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """One identifier of a person. kind: bsuid, parent_bsuid, phone."""

    kind: str
    value: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote, or was written to: the identifiers best first (bsuid before phone)."""

    identities: tuple[Identity, ...] = ()
    name: str = ""
    username: str = ""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says: `type` is Meta's, `text` the words in it (body, caption, title)."""

    type: str
    text: str = ""
    choice: str = ""
    """Id of the chosen button or row, or a template button's payload."""
    media: str = ""
    """Media id, where there is media."""
    mime_type: str = ""
    sha256: str = ""
    filename: str = ""
    about: str = ""
    """Wamid of the message that this one reacts to, edits or revokes."""
    detail: dict[str, Any] = {}
    """The content object as Meta sent it."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What every item has; `key` is its partition key: number, else `waba:<id>`, else ''."""

    raw: bytes
    waba: str = ""
    number: str = ""
    """Meta's phone_number_id of our number, '' where the item belongs to no number."""
    field: str = ""
    """The webhook field it came under, e.g. `messages`."""
    contact: bytes = b""
    """What names its citizen beside it: the JSON of the matching entry of `contacts`; in history
    without one, the beginning of the thread, up to its first message."""

    @property
    def key(self) -> str:
        return self.number or (f"waba:{self.waba}" if self.waba else "")


class Message(Item, frozen=True, kw_only=True):
    """Something a citizen wrote; or an echo of what staff wrote in the Business app, or history.

    Which of the three, `field` says: `messages`, `smb_message_echoes`, `history`. `person` is the
    citizen in all of them.
    """

    id: str
    person: Person
    sent_at: datetime | None
    content: Content
    quoted: str = ""
    """Wamid that it answers (`context.id`)."""
    forwarded: bool = False
    referral: dict[str, Any] = {}
    group: str = ""
    errors: tuple[int, ...] = ()
    outgoing: bool = False
    """Written by staff, not by the citizen; only in echoes and history."""
    becomes: tuple[Identity, ...] = ()
    """What a `system` message says this person is called from now on; `person` is the old name."""


class Status(Item, frozen=True, kw_only=True):
    """What became of something that we sent."""

    id: str
    status: str
    at: datetime | None
    person: Person = Person()
    participant: str = ""
    opaque: str = ""
    """Our biz_opaque_callback_data."""
    code: int = 0
    reason: str = ""
    pricing: dict[str, Any] = {}


class Notice(Item, frozen=True, kw_only=True):
    """An account, template, quality, preference or other event that is no message.

    `event` is Meta's word for what happened where it has one.
    """

    event: str = ""
    value: dict[str, Any] = {}
    stamp: str = ""
    """Meta's `entry.time`, as it stood: tells two equal events at different times apart."""


class Unknown(Item, frozen=True, kw_only=True):
    """Something in a body that could not be understood; `reason` holds no personal data."""

    reason: str


AnyItem = Message | Status | Notice | Unknown
