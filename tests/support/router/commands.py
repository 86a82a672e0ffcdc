"""Commands as the tests give them: the one place that knows their form."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.contract import Author, Command
from tests.support.router.names import NUMBER, at, id_of

SANNE = Author(kind="employee", id="sanne")
MACHINE = Author(kind="automated", id="bot")


def build_command(type: str, id: UUID, received_at: datetime, **fields: Any) -> Command:
    """Return a command of this type; without `content` it has that of its text."""
    given = {"content": text_content(fields.get("text", "")), "token": "crm"} | fields
    return Command(id=id, received_at=received_at, type=type, **given)


def command(
    name: str, type: str = "text", *, second: float = 0, number: str = NUMBER, **more: Any
) -> Command:
    """Return a CRM's command, by default a text. A template comes with consent unless `more` says
    otherwise."""
    plain: dict[str, Any] = {"text": "Goedemiddag", "number": number}
    if type == "template" and "purpose" not in more:
        plain |= {"purpose": "berichten", "given_at": at(second), "source": "balie"}
    given = {"id": id_of("command", name), "received_at": at(second)} | plain | more
    return build_command(type, **given)


def text_content(text: str) -> bytes:
    """Content of a text message in Meta's form."""
    return msgspec.json.encode({"type": "text", "text": {"body": text}})
