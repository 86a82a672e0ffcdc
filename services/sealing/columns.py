"""Sealed columns of the working tables: which use seals each. Pure but for its random nonces.

| column | use |
|---|---|
| router.inbox.decision | DECISION |
| router.inbox.wamid, deliverer.ledger.wamid and about_wamid, deliverer.mark.wamid | WAMID |
| router.quarantine.raw, entry | QUARANTINE |
| router.held.delivery, router.waiting.delivery, deliverer.delivery.body | DELIVERY |
| router.identity.value, deliverer.ledger.address, deliverer.guest.value | ADDRESS, as names |
| router.conversation.reason, state | CONVERSATION |
| router.consent.source | CONSENT |
| deliverer.ledger.content | CONTENT |
| deliverer.ledger.author, deliverer.internetaak and found_command.employee | EMPLOYEE |
| deliverer.found_command.action | ACTION |
| deliverer.outcome.body | OUTCOME |
| gateway.media.filename, sha256 | UPLOAD |

Hashes of what is only compared (`gateway.command.fingerprint`) are keyed by FINGERPRINT.
"""

from typing import Any

import msgspec

from services.sealing.key_ring import RING

DECISION, QUARANTINE, DELIVERY, OUTCOME = "decision", "quarantine", "delivery", "outcome"
WAMID, ADDRESS, EMPLOYEE = "wamid", "address", "employee"
CONVERSATION, CONSENT, CONTENT, ACTION = "conversation", "consent", "content", "action"
UPLOAD, FINGERPRINT = "upload", "fingerprint"


class _MessageContent(msgspec.Struct):
    """Content of a message as the ledger has it: its type is open, since the order of sending
    depends on it."""

    type: str
    sealed: str


class _Typed(msgspec.Struct):
    type: str = ""


_typed = msgspec.json.Decoder(_Typed)


def seal_content(content: bytes) -> bytes:
    """Seal the JSON of a message, all but its type."""
    text = RING.seal_text(content.decode("utf-8", "surrogatepass"), CONTENT)
    return msgspec.json.encode(_MessageContent(_typed.decode(content).type, text))


def unseal_content(column: str) -> dict[str, Any]:
    """Return the content of a message from its jsonb column. Raises KeyUnknown and Unsealable."""
    content: dict[str, Any] = msgspec.json.decode(column)
    if sealed := content.get("sealed"):
        content = msgspec.json.decode(RING.unseal_text(sealed, CONTENT))
    return content


def seal_json(text: str, use: str) -> str:
    """Seal a JSON text as a JSON string, for a jsonb column."""
    return f'"{RING.seal_text(text, use)}"'


def unseal_json(column: str, use: str) -> str:
    """Return the JSON text of a jsonb column. Raises KeyUnknown and Unsealable."""
    return RING.unseal_text(column.strip('"'), use) if column.startswith('"~') else column
