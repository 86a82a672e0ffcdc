"""Deciding what a CRM does with a conversation: transfer, close, note, link ... Pure, a table.

What changes nothing is recorded all the same, in the place that the conversation has reached, and
told to nobody.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from router.conversation import auto_reply, consent, merge, outgoing, read_receipts
from router.conversation.confidentiality import is_confidential
from router.conversation.reply_text import Candidate, by_itself
from router.conversation.transition import having_said
from router.identity import resolver
from router.model.conversation import Conversation
from router.model.decision import Changes, Decision, Ground, Identity, Reply, Unit
from router.model.snapshot import Knowledge
from router.rules.engine import TRANSFER, Verdict
from services.contract import Command
from services.whatsapp.delivery_status import DONE

REASON = "overgedragen"
TOO_OFTEN = "te vaak doorgestuurd zonder antwoord; terug naar de afdeling voor de rest"
MOVES = 8
"""Transfers without an answer between them: more is two machines, or nobody who wants it. Then it
goes to the number's fallback, and stays there until somebody answers."""

Steered = tuple[Decision, Changes]


def _transfer(
    unit: Unit, given: Command, before: Conversation, known: Knowledge, ground: Ground
) -> Steered:
    """To another department, or into somebody's queue, for good: no rule moves it again. Without a
    department: to the front desk."""
    verdict = _whereto(given, before, ground)
    same = verdict.department == before.department
    # Whose queue it is put in is no way around going round either.
    employee = given.employee if before.state.moves < MOVES else ""
    if same and employee == before.state.assignee:
        return _recorded(unit, before, ground, moved_from=before.department), Changes()
    now = _next(before.into(verdict, unit.at)).remembering(
        home=verdict.department,
        assignee=employee,
        moves=before.state.moves + 1,
        spoken=True,
        menu="",
    )
    now, reply, sent = _saying("doorgestuurd", unit, now, known, ground, silent=same)
    destination, former = _destination(now, ground), _destination(before, ground)
    told_both = former not in ("", destination)
    decision = _recorded(
        unit,
        now,
        ground,
        sequence=now.sequence - (reply is not None),
        moved_from=before.department,
        event=unit.id("event") if destination else None,
        former_event=unit.id("former") if told_both else None,
        former_destination=former if told_both else "",
        reply=reply,
    )
    return decision, msgspec.structs.replace(sent, conversation=now)


def _whereto(given: Command, before: Conversation, ground: Ground) -> Verdict:
    number = ground.config.number(before.number)
    desk = number.fallback if number else before.department
    if before.state.moves >= MOVES:
        return Verdict(desk, TRANSFER, TOO_OFTEN)
    # It goes on with the conversation, to whoever has it next; in the history it stands by itself.
    destination = _destination(before, ground)
    silent = is_confidential(ground.config, before.tenant, before.department, destination)
    reason = f"{REASON}: {given.reason}" if given.reason and not silent else REASON
    return Verdict(given.to_department or desk, TRANSFER, reason)


def _close(
    unit: Unit, given: Command, before: Conversation, known: Knowledge, ground: Ground
) -> Steered:
    """The citizen's next question begins another conversation, or opens this one again."""
    if before.closed_at is not None:
        return _recorded(unit, before, ground), Changes()
    now = msgspec.structs.replace(_next(before), closed_at=unit.at).remembering(
        waiting_since=None, escalated=False, menu="", due=None, idle=False, held=False
    )
    open = outgoing.window_open(before, unit.at)
    now, reply, sent = _saying("afgesloten", unit, now, known, ground, silent=not open)
    event = unit.id("event") if _destination(now, ground) else None
    sequence = now.sequence - (reply is not None)
    lets_go = before.state.held  # whoever closes it has seen to it
    decision = _recorded(
        unit, now, ground, sequence=sequence, event=event, reply=reply, releases=lets_go
    )
    return decision, msgspec.structs.replace(sent, conversation=now)


def _note(
    unit: Unit, given: Command, before: Conversation, known: Knowledge, ground: Ground
) -> Steered:
    now = _next(before)
    return _recorded(unit, now, ground), Changes(conversation=now)


def _link(
    unit: Unit, given: Command, before: Conversation, known: Knowledge, ground: Ground
) -> Steered:
    """To a zaak, which everything that is said of the conversation carries from here on."""
    now = msgspec.structs.replace(_next(before), zaak=given.zaak)
    return _recorded(unit, now, ground), Changes(conversation=now)


def _read(
    unit: Unit, given: Command, before: Conversation, known: Knowledge, ground: Ground
) -> Steered:
    """The citizen sees it; in the conversation nothing changes, so nobody else is told."""
    if reason := read_receipts.obstacle(before, ground, unit.at):
        return _not(unit, reason)
    mark = read_receipts.mark(unit, before, typing=given.typing)
    return _recorded(unit, before, ground), Changes(mark=mark)


def _confirm(
    unit: Unit, given: Command, before: Conversation, known: Knowledge, ground: Ground
) -> Steered:
    """Somebody has seen the alarm: nobody else is woken."""
    author = given.author.id if given.author else ""
    now = _next(before).remembering(confirmed_by=author or given.token)
    return _recorded(unit, now, ground), Changes(conversation=now)


def _release(
    unit: Unit, given: Command, before: Conversation, known: Knowledge, ground: Ground
) -> Steered:
    """What was held is told now, in order."""
    now = _next(before).remembering(held=False)
    return _recorded(unit, now, ground, releases=True), Changes(conversation=now)


def _merge(
    unit: Unit, given: Command, before: Conversation, known: Knowledge, ground: Ground
) -> Steered:
    """An employee knows that two people are one: whoever is in the other conversation is from now
    on who is in this one. The other goes on here, and is closed."""
    other = known.conversations.get(given.other)
    if (reason := merge.obstacle(given, before, other)) or other is None:
        return _not(unit, reason)
    names = tuple(
        msgspec.structs.replace(name, person=before.person, valid_from=unit.at)
        for name in known.names(other.person)
    )
    now = _next(before).remembering(**merge.taken_in(before, other))
    closed = merge.ended(other, before, unit.at)
    told = _destination(other, ground) if other.closed_at is None else ""
    decision = _recorded(
        unit,
        now,
        ground,
        merged=other.id,
        merged_sequence=closed.sequence,
        moved_from=other.department,
        former_event=unit.id("former") if told else None,
        former_destination=told,
    )
    rings = tuple(merge.timers_of(unit, before, now, ground))
    theirs = other.tenant, other.person
    withdrawals = consent.carried(theirs, before.person, known)
    decision = msgspec.structs.replace(decision, ended=consent.ended(withdrawals, known))
    return decision, Changes(
        conversation=now, identities=names, other=closed, timers=rings, withdrawals=withdrawals
    )


def _not(unit: Unit, reason: str) -> Steered:
    return Decision(kind="refused", record=unit.entry.id, reason=reason), Changes()


STEERING: dict[str, Callable[[Unit, Command, Conversation, Knowledge, Ground], Steered]] = {
    "transfer": _transfer,
    "close": _close,
    "note": _note,
    "link": _link,
    "read": _read,
    "confirm": _confirm,
    "release": _release,
    "merge": _merge,
}
"""Type of an order -> what it does."""


def _saying(
    name: str,
    unit: Unit,
    now: Conversation,
    known: Knowledge,
    ground: Ground,
    *,
    silent: bool,
) -> tuple[Conversation, Reply | None, Changes]:
    """With what the citizen is told of it, where that is wanted."""
    to = _address(now, known, ground)
    tenant = ground.config.tenant(now.tenant)
    if silent or to is None or tenant is None or not outgoing.window_open(now, unit.at):
        return now, None, Changes()
    if not auto_reply.may_tell(now, known.standings.get(now.number), unit.at):
        return now, None, Changes()
    text = by_itself(unit, Candidate(name), now, tenant, ground)
    if text is None:
        return now, None, Changes()
    said, reply = text
    now = having_said(now, unit.at, said, None)
    return now, reply, outgoing.changes(unit, now, reply, to)


def _address(now: Conversation, known: Knowledge, ground: Ground) -> Identity | None:
    number = ground.config.number(now.number)
    return resolver.address(now.person, number, known) if number else None


def _next(conversation: Conversation) -> Conversation:
    return msgspec.structs.replace(conversation, sequence=conversation.sequence + 1)


def _destination(conversation: Conversation, ground: Ground) -> str:
    """Where its department is told things; '' where that is gone from the configuration."""
    there = ground.config.department(conversation.tenant, conversation.department)
    return there.destination if there else ""


def _recorded(unit: Unit, now: Conversation, ground: Ground, **more: Any) -> Decision:
    given: dict[str, Any] = {
        "kind": "accepted",
        "record": unit.id("record"),
        "tenant": now.tenant,
        "conversation": now.id,
        "department": now.department,
        "destination": _destination(now, ground),
        "rule": now.rule,
        "reason": now.reason,
        "sequence": now.sequence,
        "status": DONE,
        "zaak": now.zaak,
        "version": ground.version,
        "tags": now.state.tags,
        "priority": now.state.priority,
        "assignee": now.state.assignee,
        "held": now.state.held,
    }
    return Decision(**(given | more))
