"""Sealed columns of the working tables, and the use that seals each."""

from typing import Any

import msgspec

from services.sealing.key_ring import RING

DECISION, QUARANTINE, DELIVERY, OUTCOME = "decision", "quarantine", "delivery", "outcome"
WAMID, ADDRESS, EMPLOYEE = "wamid", "address", "employee"
CONVERSATION, CONSENT, CONTENT, ACTION = "conversation", "consent", "content", "action"
UPLOAD = "upload"
SENT, SECRET = "sent", "secret"
FINGERPRINT = "fingerprint"
"""Use of the keyed hash of what is only compared: gateway.command.fingerprint."""

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
}
"""Column -> use, under the key of a day. The function sealing.key_holders() reads each of them."""
NAME_COLUMNS = {
    "router.identity.value": ADDRESS,
    "deliverer.ledger.address": ADDRESS,
    "deliverer.guest.value": ADDRESS,
}
"""Column -> use, under the standing key: equal names have equal values, so that they are found."""


class _MessageContent(msgspec.Struct):
    """Content of a message as the ledger has it: its type is open, since the order of sending
    depends on it."""

    type: str
    sealed: str


class _Typed(msgspec.Struct):
    type: str = ""


class _Sealed(msgspec.Struct):
    sealed: str = ""


_typed = msgspec.json.Decoder(_Typed)
_sealed = msgspec.json.Decoder(_Sealed)
_object = msgspec.json.Decoder(dict[str, Any])


def seal_content(content: bytes) -> bytes:
    """Seal the JSON of a message, all but its type."""
    text = RING.seal_text(content.decode("utf-8", "surrogatepass"), CONTENT)
    return msgspec.json.encode(_MessageContent(_typed.decode(content).type, text))


def unseal_content(column: str) -> dict[str, Any]:
    """Return the content of a message from its jsonb column. Raises KeyUnknown, Unsealable, and
    msgspec.DecodeError for JSON that is no content."""
    sealed = _sealed.decode(column).sealed
    return _object.decode(RING.unseal_text(sealed, CONTENT) if sealed else column)


def seal_json(text: str, use: str) -> str:
    """Seal a JSON text as a JSON string, for a jsonb column."""
    return f'"{RING.seal_text(text, use)}"'


def unseal_json(column: str, use: str) -> str:
    """Return the JSON text of a jsonb column. Raises KeyUnknown and Unsealable."""
    return RING.unseal_text(column.strip('"'), use) if column.startswith('"~') else column


def is_current_json(column: str) -> bool:
    """Return True if a jsonb column is sealed under the key that seals now."""
    return RING.is_current(column.strip('"'))
