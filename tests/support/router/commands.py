"""Commands as the tests give them: the one place that knows their form."""

from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import msgspec

from services import contract
from services.contract import Author, Command
from tests.support.router.names import NUMBER, at, id_of

SANNE = Author(kind="employee", id="sanne")
MACHINE = Author(kind="automated", id="bot")


ACTIONS: dict[str, type[contract.Action]] = {
    str(action.__struct_config__.tag): action for action in get_args(contract.AnyAction)
}


FIELDS = {name for each in ACTIONS.values() for name in each.__struct_fields__} | {
    "given_at",
    "source",
}
"""Fields of any action; a test may give one that its action does not have."""


def build_command(type: str, id: UUID, received_at: datetime, **fields: Any) -> Command:
    """Return a command of this type, which is that of a message unless an action has it; without
    `content` a message has that of its text. `fields` are those of the command and of its
    action."""
    of_command = set(Command.__struct_fields__) & fields.keys()
    given = {name: fields.pop(name) for name in of_command}
    given = {"token": "crm", "action": build_action(type, **fields)} | given
    return Command(id=id, received_at=received_at, **given)


def build_action(type: str, **fields: Any) -> Any:
    """Return the action of a type, with those of the fields that it has."""
    action = ACTIONS.get(type, contract.SendMessage)
    is_known = type in ACTIONS or type in get_args(contract.MessageType)
    if not is_known or fields.keys() - FIELDS:
        raise TypeError(f"no action is {type} with {sorted(fields)}")
    if fields.get("given_at"):
        source = fields.get("source", "")
        evidence = contract.ConsentEvidence(given_at=fields["given_at"], source=source)
        fields["evidence"] = evidence
    if action is contract.SendMessage:
        text = fields.get("text", "")
        fields = {"text": text, "content": text_content(text)} | fields | {"type": type}
    own = {name: value for name, value in fields.items() if name in action.__struct_fields__}
    return action(**own)


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
