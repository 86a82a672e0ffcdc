"""Deciding what a CRM does with a conversation: transfer, close, note, link to a zaak. Pure.

Nothing of it reaches the citizen. What changes nothing is recorded all the same, in the place that
the conversation has reached, and told to nobody.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from router.decisions import Changes, Conversation, Decision, Ground, Unit
from router.rules import TRANSFER, Verdict
from services.contract import Command
from services.fates import DONE

REASON = "overgedragen"

Steered = tuple[Decision, Changes]


def _transfer(unit: Unit, given: Command, before: Conversation, ground: Ground) -> Steered:
    """To another department, for good: no rule moves it again."""
    if given.to_department == before.department:
        return _recorded(unit, before, ground, moved_from=before.department), Changes()
    reason = f"{REASON}: {given.reason}" if given.reason else REASON
    verdict = Verdict(given.to_department, TRANSFER, reason)
    now = _next(before.into(verdict, unit.at))
    destination, former = _destination(now, ground), _destination(before, ground)
    told_both = former not in ("", destination)
    decision = _recorded(
        unit,
        now,
        ground,
        moved_from=before.department,
        event=unit.id("event", ground.hash) if destination else None,
        former_event=unit.id("former", ground.hash) if told_both else None,
        former_destination=former if told_both else "",
    )
    return decision, Changes(conversation=now)


def _close(unit: Unit, given: Command, before: Conversation, ground: Ground) -> Steered:
    """The citizen's next message begins another conversation."""
    if before.closed_at is not None:
        return _recorded(unit, before, ground), Changes()
    now = msgspec.structs.replace(_next(before), closed_at=unit.at)
    event = unit.id("event", ground.hash) if _destination(now, ground) else None
    decision = _recorded(unit, now, ground, event=event)
    return decision, Changes(conversation=now)


def _note(unit: Unit, given: Command, before: Conversation, ground: Ground) -> Steered:
    now = _next(before)
    return _recorded(unit, now, ground), Changes(conversation=now)


def _link(unit: Unit, given: Command, before: Conversation, ground: Ground) -> Steered:
    """To a zaak, which everything that is said of the conversation carries from here on."""
    now = msgspec.structs.replace(_next(before), zaak=given.zaak)
    return _recorded(unit, now, ground), Changes(conversation=now)


STEERING: dict[str, Callable[[Unit, Command, Conversation, Ground], Steered]] = {
    "transfer": _transfer,
    "close": _close,
    "note": _note,
    "link": _link,
}
"""Type of an order -> what it does."""


def _next(conversation: Conversation) -> Conversation:
    return msgspec.structs.replace(conversation, sequence=conversation.sequence + 1)


def _destination(conversation: Conversation, ground: Ground) -> str:
    """Where its department is told things; '' where that is gone from the configuration."""
    there = ground.config.department(conversation.tenant, conversation.department)
    return there.destination if there else ""


def _recorded(unit: Unit, now: Conversation, ground: Ground, **more: Any) -> Decision:
    return Decision(
        kind="accepted",
        record=unit.id("record", ground.hash),
        tenant=now.tenant,
        conversation=now.id,
        department=now.department,
        destination=_destination(now, ground),
        rule=now.rule,
        reason=now.reason,
        sequence=now.sequence,
        status=DONE,
        zaak=now.zaak,
        **more,
    )
