"""The items of a webhook body.

An item is the unit of success, of failure and of de-duplication. Each carries its original bytes
(`raw`), so that the archive never depends on how an item was interpreted. Names of content types
and their fields are Meta's.
"""

from datetime import datetime
from typing import Any

import msgspec

from services.whatsapp.body import partition_key


class Identity(msgspec.Struct, frozen=True, gc=False):
    """One identifier of a person. kind: bsuid, parent_bsuid, phone."""

    kind: str
    value: str


class Person(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The citizen who sent or gets a message; identifiers are best first (bsuid before phone)."""

    identities: tuple[Identity, ...] = ()
    name: str = ""
    username: str = ""


class Content(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Content of a message: `type` is Meta's, `text` its words (body, caption, title)."""

    type: str
    text: str = ""
    choice: str = ""
    """Id of the chosen button or row, or a template button's payload."""
    media: str = ""
    """Meta's id of the media; '' without media."""
    mime_type: str = ""
    sha256: str = ""
    filename: str = ""
    about: str = ""
    """Wamid of the message that this one reacts to, edits or revokes."""
    detail: dict[str, Any] = {}
    """Content object as Meta sent it."""


class Item(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Base of every item; `key` is its partition key."""

    raw: bytes
    waba: str = ""
    number: str = ""
    """Meta's phone_number_id of our number; '' if the item belongs to no number."""
    field: str = ""
    """Webhook field of the item, such as `messages`."""
    contact: bytes = b""
    """Bytes beside the item that name its citizen: the matching entry of `contacts`; in history
    without one, the beginning of the thread, up to its first message."""

    @property
    def key(self) -> str:
        return partition_key(self.number, self.waba)


class Message(Item, frozen=True, gc=False, kw_only=True):
    """A message of a citizen, an echo of a message that staff sent in the Business app, or history.

    `field` tells them apart: `messages`, `smb_message_echoes`, `history`. `person` is the citizen
    in all of them.
    """

    id: str
    person: Person
    sent_at: datetime | None
    content: Content
    quoted: str = ""
    """Wamid of the message that this one answers (`context.id`)."""
    forwarded: bool = False
    referral: dict[str, Any] = {}
    group: str = ""
    errors: tuple[int, ...] = ()
    outgoing: bool = False
    """True if staff wrote the message, which occurs only in echoes and history."""
    becomes: tuple[Identity, ...] = ()
    """New identifiers of the person in a `system` message; `person` has the old ones."""


class Status(Item, frozen=True, gc=False, kw_only=True):
    """The status of a message that we sent."""

    id: str
    status: str
    at: datetime | None
    person: Person = Person()
    participant: str = ""
    opaque: str = ""
    """Value of our biz_opaque_callback_data."""
    code: int = 0
    reason: str = ""
    pricing: dict[str, Any] = {}


class Notice(Item, frozen=True, gc=False, kw_only=True):
    """An account, template, quality, preference or other event that is no message.

    `event` is Meta's word for the event, or '' if Meta has none.
    """

    event: str = ""
    value: dict[str, Any] = {}
    stamp: str = ""
    """Original text of Meta's `entry.time`, which distinguishes equal events at different times."""


class Unknown(Item, frozen=True, gc=False, kw_only=True):
    """A part of a body that could not be read; `reason` holds no personal data."""

    reason: str


AnyItem = Message | Status | Notice | Unknown
