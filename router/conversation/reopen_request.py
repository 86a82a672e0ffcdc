"""An answer came too late for Meta and is held: whoever sent it hears so, and its citizen is asked,
by a template of the number's, to write again. Pure.

Asked once, however many answers wait, until they write; anew when Meta did not bring it, and for an
answer that comes much later.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from router.conversation import outgoing
from router.identity import resolver
from router.model.conversation import Conversation
from router.model.decision import Changes, Identity, OutgoingStatus, Reply, RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from services.config.numbers import ReopenTemplate
from services.contract import SendOutcome
from services.whatsapp.delivery_status import REOPEN_REQUEST_VALID_FOR

ASKED = "held: wacht tot de inwoner weer schrijft; Postkamer vraagt daar met een sjabloon om"
NOT_ASKED = "held: wacht tot de inwoner weer schrijft; daar kon niet om worden gevraagd"
CLOSED = 131047
"""Meta's code: the citizen wrote over 24 hours ago, whatever we know."""
ASKS = 3
"""Whose buttons are known: as many as are asked while one answer waits."""

Ask = tuple[Reply, Identity]
"""What asks, and where it goes."""


def hold_reason(
    unit: WorkUnit, said: SendOutcome, held: OutgoingStatus, known: Snapshot, ground: RoutingContext
) -> str:
    """Why the answer waits, for whoever sent it."""
    theirs = list(_theirs(held.conversation, known))
    if _wrote(said, theirs) or _asked(theirs, unit.at):
        return ASKED
    return ASKED if reopen_request(unit, said, held, known, ground) else NOT_ASKED


def reopen_request(
    unit: WorkUnit, said: SendOutcome, held: OutgoingStatus, known: Snapshot, ground: RoutingContext
) -> Ask | None:
    """None where they were asked, have written meanwhile, or cannot be asked."""
    number = ground.config.number(held.number)
    theirs = list(_theirs(held.conversation, known))
    if not (theirs and number and number.ask_template) or _wrote(said, theirs):
        return None
    if _asked(theirs, unit.at):
        return None
    to = resolver.address(theirs[0].person, number, known)
    return (_reply(unit, number.ask_template), to) if to else None


def apply_request(unit: WorkUnit, before: Conversation, asked: Ask) -> tuple[Conversation, Changes]:
    """The conversation after it, and what goes out. It is on the record just after what caused
    it."""
    reply, to = asked
    now = msgspec.structs.replace(before, sequence=before.sequence + 1)
    now = now.with_state(reopen_request=reply.id, asked_at=unit.at)
    sent = outgoing.outgoing_changes(unit, now, reply, to)
    assert sent.send is not None
    return now, msgspec.structs.replace(sent, send=msgspec.structs.replace(sent.send, asks=True))


def apply_request_result(now: Conversation, message: OutgoingStatus) -> Conversation:
    """After it is known what became of a message of ours: if that was to ask and it failed, nobody
    was asked; and what Meta calls it, a button of it quotes, also once they were asked again."""
    if now.state.reopen_request != message.id:
        return now
    asked_at = None if message.status == "failed" else now.state.asked_at
    named = [message.wamid_hash.hex()] if message.wamid_hash else []
    names = tuple(dict.fromkeys((*now.state.asks_named, *named)))[-ASKS:]
    return now.with_state(asked_at=asked_at, asks_named=names)


def _theirs(conversation: str, known: Snapshot) -> Iterator[Conversation]:
    """This conversation, and then the others of its citizen with its number."""
    if (this := known.conversations.get(conversation)) is None:
        return
    yield this
    for other in known.conversations.values():
        if other.id != this.id and (other.number, other.person) == (this.number, this.person):
            yield other


def _wrote(said: SendOutcome, theirs: list[Conversation]) -> bool:
    """Whether they have written meanwhile, so that it goes by itself."""
    if said.code == CLOSED:
        return any(each.last_inbound_at and each.last_inbound_at > said.at for each in theirs)
    return any(outgoing.window_open(each, said.at) for each in theirs)


def _asked(theirs: list[Conversation], now: datetime) -> bool:
    """Whether what asked them is for this answer too."""
    asked = max((each.state.asked_at for each in theirs if each.state.asked_at), default=None)
    heard = max((each.last_inbound_at for each in theirs if each.last_inbound_at), default=None)
    if asked is None or now >= asked + REOPEN_REQUEST_VALID_FOR:
        return False
    return heard is None or heard <= asked


def _reply(unit: WorkUnit, template: ReopenTemplate) -> Reply:
    """Its words are at Meta: we know its name."""
    named = {"name": template.name, "language": {"code": template.language}}
    return Reply(
        id=unit.id("ask"),
        name=template.name,
        language=template.language,
        text="",
        content=msgspec.json.encode({"type": "template", "template": named}),
        record=unit.id("ask record"),
    )
