"""A content as it goes to Meta: with what the deliverer fills in."""

from typing import Any

from deliverer.meta.graph_api import fill_payload

WAMID, MEDIA = "wamid.X", "1003383421387256"


def as_sent(content: dict[str, Any]) -> dict[str, Any]:
    """The content with a recipient, the message that it is about, and a file's id where one is
    missing."""
    about = WAMID if content["type"] == "reaction" else ""
    head = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+31600000011",
    }
    return head | fill_payload(content, about, MEDIA)
