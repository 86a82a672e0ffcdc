"""Sealed columns of the working tables, the use that seals each, and what each is bound to.

A value that is copied into another row does not open there, nor does one whose row was made to go
elsewhere: what it is bound to is authenticated with it.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec

from services.sealing.key_ring import RING, Unsealable

DECISION, QUARANTINE, DELIVERY, OUTCOME = "decision", "quarantine", "delivery", "outcome"
WAMID, ADDRESS, EMPLOYEE = "wamid", "address", "employee"
CONVERSATION, CONSENT, CONTENT, ACTION = "conversation", "consent", "content", "action"
UPLOAD, PROVIDER_ID = "upload", "provider id"
SENT, SECRET = "sent", "secret"
DESK_CONVERSATION, DESK_SESSION = "desk conversation", "desk session"
DESK_DRAFT, DESK_ANSWER, DESK_REASON = "desk draft", "desk answer", "desk reason"
DESK_ATTEMPT = "desk attempt"
"""Use of the cookie with an attempt to log in at the desk."""
FINGERPRINT = "fingerprint"
"""Use of the keyed hash of what is only compared: gateway.command.fingerprint."""
HASH_KEY = "hash key"
"""Use of the key that a municipality brought: services.sealing.brought_keys."""
IDENTITY = "identity"
"""Use of the keyed hash over a row of router.identity: router.identity.seal."""
OPEN_KLANT = "open klant"
"""Use of the keyed hashes over rows about an Open Klant: deliverer.klantcontact.seal and others."""
SIGNALEN = "signalen"
"""Use of the keyed hash over a row of deliverer.report, which is about a report in Signalen."""

SEALED_COLUMNS = {
    "gateway.media.filename": UPLOAD,
    "gateway.media.sha256": UPLOAD,
    "router.inbox.decision": DECISION,
    "router.inbox.wamid": WAMID,
    "router.quarantine.raw": QUARANTINE,
    "router.quarantine.entry": QUARANTINE,
    "router.held.delivery": DELIVERY,
    "router.waiting.delivery": DELIVERY,
    "router.conversation.reason": CONVERSATION,
    "router.conversation.state": CONVERSATION,
    "router.consent.source": CONSENT,
    "deliverer.delivery.body": DELIVERY,
    "deliverer.sent.sealed": SENT,
    "deliverer.secret.sealed": SECRET,
    "deliverer.ledger.content": CONTENT,
    "deliverer.ledger.wamid": WAMID,
    "deliverer.ledger.about_wamid": WAMID,
    "deliverer.ledger.author": EMPLOYEE,
    "deliverer.mark.wamid": WAMID,
    "deliverer.outcome.body": OUTCOME,
    "deliverer.found_command.action": ACTION,
    "deliverer.found_command.employee": EMPLOYEE,
    "deliverer.internetaak.employee": EMPLOYEE,
    "desk.conversation.content": DESK_CONVERSATION,
    "desk.session.tokens": DESK_SESSION,
    "desk.session.person": DESK_SESSION,
    "desk.draft.text": DESK_DRAFT,
    "desk.answer.body": DESK_ANSWER,
    "desk.reason.reason": DESK_REASON,
}
"""Column -> use, under the key of a day. The function sealing.key_holders() reads each of them."""
NAME_COLUMNS = {
    "router.brought_key.sealed": HASH_KEY,
    "router.identity.value": ADDRESS,
    "deliverer.ledger.address": ADDRESS,
    "deliverer.guest.value": ADDRESS,
    "deliverer.upload.provider_id": PROVIDER_ID,
    "desk.conversation.assignee": EMPLOYEE,
}
"""Column -> use, under the standing key: equal names have equal values, so that they are found, and
the key that a municipality brought outlives every day."""
LEDGER = (
    "id",
    "number",
    "conversation",
    "person",
    "address_kind",
    "address",
    "about",
    "media",
)
"""Columns of deliverer.ledger that say to whom a message goes, and with which file."""
MEDIA = "id", "tenant", "token", "object", "mime_type", "size"
"""Columns of gateway.media that say whose a file is, and which."""


class _MessageContent(msgspec.Struct):
    """Content of a message as the ledger has it: its type is open, since the order of sending
    depends on it."""

    type: str
    sealed: str


class _Typed(msgspec.Struct):
    type: str = ""


class _Sealed(msgspec.Struct):
    sealed: str = ""


_of_ledger, _of_media = itemgetter(*LEDGER), itemgetter(*MEDIA)
_encode = msgspec.msgpack.Encoder().encode
_typed = msgspec.json.Decoder(_Typed)
_sealed = msgspec.json.Decoder(_Sealed)
_object = msgspec.json.Decoder(dict[str, Any])


def bind(*values: Any) -> bytes:
    """Return what a value is bound to, as it is authenticated with it. No use has the byte 00."""
    return b"\0" + _encode(values)


def bind_ledger(row: Mapping[str, Any]) -> bytes:
    """Return what the content of a message is bound to: all of LEDGER, as the row has it."""
    return b"\0" + _encode(_of_ledger(row))


def bind_upload(row: Mapping[str, Any]) -> bytes:
    """Return what the name and hash of an uploaded file are bound to: all of MEDIA."""
    return bind(*_of_media(row))


def unseal_upload(row: Mapping[str, Any]) -> bytes:
    """Return the hash of an uploaded file from its row in gateway.media. Raises KeyUnknown and
    Unsealable, also without a hash: such a row is bound to nothing."""
    if not row["sha256"]:
        raise Unsealable("an upload has no hash")
    return RING.unseal(row["sha256"], UPLOAD, bind_upload(row))


def file_salt(media: UUID, object: UUID) -> bytes:
    """Return the salt of the key of an uploaded file: one whose row names another object does not
    open."""
    return media.bytes + object.bytes


def seal_content(content: bytes, bound: bytes) -> bytes:
    """Seal the JSON of a message, all but its type."""
    text = RING.seal_text(content.decode("utf-8", "surrogatepass"), CONTENT, bound)
    return msgspec.json.encode(_MessageContent(_typed.decode(content).type, text))


def unseal_content(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a message from its row in the ledger. Raises KeyUnknown, Unsealable,
    and msgspec.DecodeError for JSON that is no content."""
    sealed = _sealed.decode(row["content"]).sealed
    if not sealed:
        raise Unsealable("the content of a message is not sealed")
    return _object.decode(RING.unseal_text(sealed, CONTENT, bind_ledger(row)))


def seal_json(text: str, use: str, bound: bytes) -> str:
    """Seal a JSON text as a JSON string, for a jsonb column."""
    return f'"{RING.seal_text(text, use, bound)}"'


def unseal_json(column: str, use: str, bound: bytes) -> str:
    """Return the JSON text of a jsonb column. Raises KeyUnknown and Unsealable."""
    return RING.unseal_text(column.strip('"'), use, bound)


def is_current_json(column: str) -> bool:
    """Return True if a jsonb column is sealed under the key that seals now."""
    return RING.is_current(column.strip('"'))
