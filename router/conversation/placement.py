"""Where a citizen's message belongs: in which conversation, at which department, and why. Pure.

A conversation belongs where the first words that a rule knows put it, until a person says
otherwise. Nothing moves it from somebody who has answered in it.
"""

import base64
from datetime import timedelta
from uuid import UUID

import msgspec

from router.conversation import menus
from router.conversation.interpretation import Interpretation
from router.conversation.menus import MenuChoice
from router.model.conversation import Conversation, ConversationState
from router.model.decision import RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from router.rules.engine import FALLBACK, MENU, OPENED, TRANSFER, Verdict
from services.config.numbers import Number
from services.whatsapp import items

THANKS = timedelta(hours=24)
"""After a closing, in which a thank-you still belongs to what was closed; where a person answered,
for as long as it may be opened again."""
REOPENS = timedelta(days=14)
"""After a closing, in which a question without another subject is about what was closed: what the
archive's rules let a closed dossier be opened again."""
STAND_INS = 8
"""Departments that stand in for one another; `check` refuses a circle."""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """`before` is the conversation as it was, None where this message opens one. `passing`: it is
    recorded in it, and changes nothing. `decided`: words have said where it belongs."""

    before: Conversation | None
    verdict: Verdict
    home: str = ""
    """Department that it belongs to, where another stands in for it."""
    passing: bool = False
    reopened: bool = False
    decided: bool = False
    chosen: MenuChoice | None = None
    asked: str = ""
    """Path of a menu to ask now."""
    unclear: bool = False


def current_conversation(number: Number, person: UUID, known: Snapshot) -> Conversation | None:
    """The conversation that is open with somebody, else the one that was closed last."""
    key = number.id, person
    return known.conversations.get(known.open.get(key) or known.closed.get(key, ""))


def place_message(
    unit: WorkUnit,
    item: items.Message,
    last: Conversation | None,
    said: Interpretation,
    number: Number,
    ground: RoutingContext,
) -> Placement:
    before = last
    path = last.state.menu if last and not last.closed_at else ""
    chosen = menus.match_choice(item, said.text, path, ground.config)
    if last and last.closed_at:
        if _in_passing(unit, said, last):
            return Placement(before=last, verdict=_as_it_was(last, number, ground), passing=True)
        before = last if _reopens(unit, said, chosen, last) else None
    if before and said.needs_no_action:
        decided = bool(before.rule) or before.state.has_question or _begun(before)
        return Placement(before=before, verdict=_stays(before, number, ground), decided=decided)
    found = _placed(unit, before, said, chosen, number, ground)
    return msgspec.structs.replace(found, reopened=bool(before and before.closed_at))


def _in_passing(unit: WorkUnit, said: Interpretation, closed: Conversation) -> bool:
    """A thank-you after a closing; a reaction to what was said in it, or STOP, at any time."""
    assert closed.closed_at is not None
    since = unit.at - closed.closed_at
    recent = since <= (REOPENS if closed.state.answered_at else THANKS)
    return said.needs_no_action and (recent or said.no_reply or bool(said.opt))


def _reopens(
    unit: WorkUnit, said: Interpretation, chosen: MenuChoice | None, closed: Conversation
) -> bool:
    """What has no other subject goes on where it was. A greeting says nothing yet: a new one."""
    assert closed.closed_at is not None
    verdict = said.outcome.verdict
    if closed.state.idle or unit.at - closed.closed_at > REOPENS or said.needs_no_action:
        return False
    if said.text and not said.has_subject:
        return False
    here = (closed.department, closed.state.home_department)
    if (care := said.outcome.care) and care.department:
        return care.department in here
    if chosen and chosen.option.department:
        return chosen.option.department in here
    return verdict is None or verdict.department in here


def _as_it_was(before: Conversation, number: Number, ground: RoutingContext) -> Verdict:
    """Where it is, while that is there."""
    if ground.config.department(before.tenant, before.department):
        return Verdict(before.department, before.rule, before.reason)
    return Verdict(number.fallback, "", FALLBACK)


def _placed(
    unit: WorkUnit,
    before: Conversation | None,
    said: Interpretation,
    chosen: MenuChoice | None,
    number: Number,
    ground: RoutingContext,
) -> Placement:
    if chosen:
        return _by_choice(before, chosen, number, ground)
    verdict, asking = said.outcome.verdict, before.state.menu if before else ""
    free = _may_move(before, ground)
    if (care := said.outcome.care) and care.department:
        verdict = Verdict(care.department, care.id, said.outcome.care_reason)
        free = free or _left_to_rules(before)
    # The menu that was asked just now is not asked again: these words are no answer to it.
    anew = verdict and not (verdict.menu and menus.last_of(asking) == verdict.menu)
    if verdict and anew and free:
        verdict = _with_department(verdict, before, number, ground)
        asked = verdict.menu
        return Placement(before=before, verdict=verdict, decided=not asked, asked=asked)
    stays = _stays(before, number, ground)
    spoken = before is not None and (before.state.has_question or _begun(before))
    decided = bool(stays.rule) or said.has_subject or spoken
    if asking and said.has_subject:
        typing = _is_typing(unit, before, number, ground)
        return Placement(before=before, verdict=stays, decided=not typing, unclear=not typing)
    tenant = ground.config.tenant(number.tenant)
    fresh = said.has_subject and not spoken and not stays.rule
    asked = tenant.menu if tenant and fresh else ""
    return Placement(before=before, verdict=stays, decided=decided, asked=asked)


def _begun(before: Conversation) -> bool:
    """Whether we wrote first: what comes then is an answer, for whoever wrote."""
    return before.last_inbound_at is None


def _by_choice(
    before: Conversation | None, chosen: MenuChoice, number: Number, ground: RoutingContext
) -> Placement:
    option = chosen.option
    stays = _stays(before, number, ground)
    there = ground.config.department(number.tenant, option.department)
    free = _may_move(before, ground)
    if free and (chosen.is_back or option.menu):
        return Placement(before=before, verdict=stays, chosen=chosen, asked=chosen.next_path)
    if not free or there is None:
        return Placement(before=before, verdict=stays, decided=True, chosen=chosen)
    reason = f'"{option.title}" is gekozen uit het menu'
    verdict = Verdict(option.department, f"{MENU}:{chosen.path}/{option.id}", reason)
    return Placement(before=before, verdict=verdict, decided=True, chosen=chosen)


def _may_move(before: Conversation | None, ground: RoutingContext) -> bool:
    """Nobody has chosen yet: not a rule, not a person, and no person has answered."""
    if before is None or ground.config.department(before.tenant, _home(before)) is None:
        return True
    return not before.rule and before.state.answered_at is None


def _left_to_rules(before: Conversation | None) -> bool:
    """No person has answered, or has said whose it is: danger moves what a rule chose."""
    return before is None or (
        before.state.answered_at is None and before.rule not in (TRANSFER, OPENED)
    )


def _is_typing(
    unit: WorkUnit, before: Conversation | None, number: Number, ground: RoutingContext
) -> bool:
    """Whether these words were still under way when the menu was asked."""
    tenant = ground.config.tenant(number.tenant)
    asked = before.state.menu_at if before else None
    return bool(tenant and asked and unit.at - asked <= tenant.burst_window)


def _with_department(
    verdict: Verdict, before: Conversation | None, number: Number, ground: RoutingContext
) -> Verdict:
    """A rule that only asks a menu, or holds, leaves the department as it is."""
    if verdict.department:
        return verdict
    department = _stays(before, number, ground).department
    return msgspec.structs.replace(verdict, department=department, rule="")


def _stays(before: Conversation | None, number: Number, ground: RoutingContext) -> Verdict:
    """A department that is gone from the configuration cannot be told anything: then it starts
    again."""
    if before and ground.config.department(before.tenant, _home(before)):
        return Verdict(_home(before), before.rule, reason_at_home(before, ground))
    return Verdict(number.fallback, "", FALLBACK)


def _home(before: Conversation) -> str:
    """Where it belongs, whoever stands in."""
    return before.state.home_department or before.department


def reason_at_home(before: Conversation, ground: RoutingContext) -> str:
    """Why it belongs there, without who is closed; said again where that is still so."""
    there, closed = _home(before), ""
    for _ in range(STAND_INS):
        department = ground.config.department(before.tenant, there)
        if department is None or there == before.department:
            break
        there, closed = department.when_closed, f"{closed}; {department.name} is gesloten"
    return before.reason.removesuffix(closed)


def apply_deputy(
    found: Placement, number: Number, unit: WorkUnit, ground: RoutingContext
) -> Placement:
    """With the department that has it at this hour. Who has answered keeps it."""
    tenant = number.tenant
    before, verdict = found.before, found.verdict
    home = there = verdict.department
    if found.passing:
        return found
    if before and _answered(before, ground):
        kept = _as_it_was(before, number, ground)
        return msgspec.structs.replace(found, verdict=kept, home=home)
    reason = verdict.reason
    for _ in range(STAND_INS):
        department = ground.config.department(tenant, there)
        hours = ground.hours.get((tenant, there))
        if department is None or not department.when_closed or not hours or hours.is_open(unit.at):
            break
        there, reason = department.when_closed, f"{reason}; {department.name} is gesloten"
    moved = msgspec.structs.replace(verdict, department=there, reason=reason)
    return msgspec.structs.replace(found, verdict=moved, home=home)


def _answered(before: Conversation, ground: RoutingContext) -> bool:
    """By somebody of a department that is still there."""
    there = ground.config.department(before.tenant, before.department)
    return bool(before.state.answered_at) and before.closed_at is None and there is not None


def open_conversation(
    unit: WorkUnit, number: Number, person: UUID, verdict: Verdict, ground: RoutingContext
) -> Conversation:
    """A new episode. Its id begins with our number's, so that whoever has the id knows the
    partition and the municipality; the rest cannot be guessed."""
    chance = ground.hash("conversation", unit.key.hex())
    return Conversation(
        id=f"{number.id}-{base64.b32encode(chance).decode().rstrip('=').lower()}",
        tenant=number.tenant,
        number=number.id,
        person=person,
        department=verdict.department,
        rule=verdict.rule,
        reason=verdict.reason,
        since=unit.at,
        opened_at=unit.at,
        departments=(verdict.department,),
        state=ConversationState(home_department=verdict.department),
    )
