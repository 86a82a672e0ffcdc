"""Handle an answer that missed the customer service window: put it on hold, tell the sender, and
ask the citizen to write again with the number's reopen template. Pure.

The citizen gets one request for all answers on hold, until they write. They get another if the
request failed, or for an answer that comes much later.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from router.conversation import outgoing
from router.identity import resolver
from router.model.changes import Changes, Identity, OutgoingStatus
from router.model.conversation import Conversation
from router.model.decision import Reply
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from services.config.numbers import ReopenTemplate
from services.contract import SendOutcome
from services.whatsapp.delivery_status import REOPEN_REQUEST_VALID_FOR, WINDOW_CLOSED_CODE

ASKED = "held: wacht tot de inwoner weer schrijft; Postkamer vraagt daar met een sjabloon om"
NOT_ASKED = "held: wacht tot de inwoner weer schrijft; daar kon niet om worden gevraagd"
MAX_REQUESTS = 3
"""Requests whose buttons are still recognised: as many as are sent while one answer is on hold."""

ReopenRequest = tuple[Reply, Identity]
"""The request and the address that it goes to."""


def hold_reason(
    unit: WorkUnit,
    outcome: SendOutcome,
    held: OutgoingStatus,
    snapshot: Snapshot,
    context: RoutingContext,
) -> str:
    """Return why the answer is on hold, for its sender."""
    conversations = list(_conversations_with(held.conversation, snapshot))
    if _has_written(outcome, conversations) or _is_already_asked(conversations, unit.at):
        return ASKED
    return ASKED if build_reopen_request(unit, outcome, held, snapshot, context) else NOT_ASKED


def build_reopen_request(
    unit: WorkUnit,
    outcome: SendOutcome,
    held: OutgoingStatus,
    snapshot: Snapshot,
    context: RoutingContext,
) -> ReopenRequest | None:
    """Return None if the citizen has been asked already, has written since, or cannot be asked."""
    number = context.config.number(held.number)
    conversations = list(_conversations_with(held.conversation, snapshot))
    if not (conversations and number and number.ask_template):
        return None
    if _has_written(outcome, conversations) or _is_already_asked(conversations, unit.at):
        return None
    address = resolver.find_address(conversations[0].person, number, snapshot)
    return (_reply(unit, number.ask_template), address) if address else None


def apply_request(
    unit: WorkUnit, previous: Conversation, request: ReopenRequest
) -> tuple[Conversation, Changes]:
    """Return the conversation after the request, and the changes that send it. The request comes
    just after its cause on the record."""
    reply, address = request
    after = previous.with_next_sequence().with_state(reopen_request=reply.id, asked_at=unit.at)
    changes = outgoing.outgoing_changes(unit, after, reply, address)
    assert changes.send is not None
    send = msgspec.structs.replace(changes.send, asks=True)
    return after, msgspec.structs.replace(changes, send=send)


def apply_request_result(conversation: Conversation, message: OutgoingStatus) -> Conversation:
    """Apply the result of an outgoing message. If it was the reopen request and it failed, the
    citizen was not asked. Its wamid is remembered, also after a later request, because a button
    press quotes it."""
    if conversation.state.reopen_request != message.id:
        return conversation
    asked_at = None if message.status == "failed" else conversation.state.asked_at
    wamid_hashes = [message.wamid_hash.hex()] if message.wamid_hash else []
    names = tuple(dict.fromkeys((*conversation.state.asks_named, *wamid_hashes)))[-MAX_REQUESTS:]
    return conversation.with_state(asked_at=asked_at, asks_named=names)


def _conversations_with(id: str, snapshot: Snapshot) -> Iterator[Conversation]:
    """Yield this conversation, then the other ones between its citizen and its number."""
    if (conversation := snapshot.conversations.get(id)) is None:
        return
    yield conversation
    yield from snapshot.conversations_like(conversation)


def _has_written(outcome: SendOutcome, conversations: list[Conversation]) -> bool:
    """True if the citizen has written since, so that the answer will be sent."""
    if outcome.code == WINDOW_CLOSED_CODE:
        last_inbound_at = filter(None, (each.last_inbound_at for each in conversations))
        return any(at > outcome.at for at in last_inbound_at)
    return any(outgoing.is_window_open(conversation, outcome.at) for conversation in conversations)


def _is_already_asked(conversations: list[Conversation], now: datetime) -> bool:
    """True if the last request covers this answer too."""
    asked_at = max(filter(None, (each.state.asked_at for each in conversations)), default=None)
    heard_at = max(filter(None, (each.last_inbound_at for each in conversations)), default=None)
    if asked_at is None or now >= asked_at + REOPEN_REQUEST_VALID_FOR:
        return False
    return heard_at is None or heard_at <= asked_at


def _reply(unit: WorkUnit, template: ReopenTemplate) -> Reply:
    """Build the request. Meta has its words; we only know its name."""
    payload = {"name": template.name, "language": {"code": template.language}}
    return Reply(
        id=unit.id("ask"),
        name=template.name,
        language=template.language,
        text="",
        content=msgspec.json.encode({"type": "template", "template": payload}),
        record=unit.id("ask record"),
    )
