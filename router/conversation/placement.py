"""Place a citizen's message: in which conversation, at which department, and why. Pure.

A conversation belongs where the first words that match a rule put it, until a person decides
otherwise. Nothing moves it away from an employee who has answered in it.
"""

from datetime import timedelta
from uuid import UUID

import msgspec

from router.conversation import menus
from router.conversation.interpretation import Interpretation
from router.conversation.menus import MenuChoice
from router.model.conversation import Conversation, ConversationState
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.rules.engine import MENU, OPENED, TRANSFER, Verdict
from services.config.numbers import Number
from services.ids import conversation_id
from services.whatsapp import items

THANKS_PERIOD = timedelta(hours=24)
"""Period after a closing in which a thank-you still belongs to the closed conversation. If a person
answered in it, REOPEN_PERIOD applies instead."""
REOPEN_PERIOD = timedelta(days=14)
"""Period after a closing in which a question without another subject is about the closed
conversation. The rules of the archive allow a closed dossier to be reopened as long."""
MAX_DEPUTIES = 8
"""Deputies in a chain that are followed, at most; `check` refuses a circle."""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Place of a message. `previous` is the conversation as it was, None if this message opens one.
    `is_passing`: the message is recorded in it and changes nothing. `is_decided`: words or a person
    have decided where it belongs."""

    previous: Conversation | None
    verdict: Verdict
    home_department: str = ""
    """Department that it belongs to, if a deputy department owns it."""
    is_passing: bool = False
    reopened: bool = False
    is_decided: bool = False
    choice: MenuChoice | None = None
    menu_path: str = ""
    """Path of the menu to send now."""
    is_unclear: bool = False


def find_conversation(number: Number, person: UUID, snapshot: Snapshot) -> Conversation | None:
    """Return the open conversation with this person, else the one that was closed last."""
    key = number.id, person
    return snapshot.conversations.get(snapshot.open.get(key) or snapshot.closed.get(key, ""))


def place_message(
    unit: WorkUnit,
    item: items.Message,
    last: Conversation | None,
    interpretation: Interpretation,
    number: Number,
    context: RoutingContext,
) -> Placement:
    previous = last
    path = menus.open_path(last)
    choice = menus.match_choice(item, interpretation.text, path, context.config, number.tenant)
    if last and last.closed_at:
        if _is_passing(unit, interpretation, last):
            verdict = _keep_department(last, number, context)
            return Placement(previous=last, verdict=verdict, is_passing=True)
        previous = last if _should_reopen(unit, interpretation, choice, last) else None
    if previous and interpretation.needs_no_action:
        is_decided = bool(previous.rule) or previous.state.has_question or _began_with_us(previous)
        verdict = _stay_home(previous, number, context)
        return Placement(previous=previous, verdict=verdict, is_decided=is_decided)
    placement = _place(unit, previous, interpretation, choice, number, context)
    if previous and previous.closed_at:
        return msgspec.structs.replace(placement, reopened=True)
    return placement


def _is_passing(unit: WorkUnit, interpretation: Interpretation, closed: Conversation) -> bool:
    """True for thanks shortly after a closing, and at any time for STOP, START or a reaction."""
    assert closed.closed_at is not None
    elapsed = unit.at - closed.closed_at
    is_recent = elapsed <= (REOPEN_PERIOD if closed.state.answered_at else THANKS_PERIOD)
    return interpretation.needs_no_action and (
        is_recent or interpretation.no_reply or bool(interpretation.opt)
    )


def _should_reopen(
    unit: WorkUnit, interpretation: Interpretation, choice: MenuChoice | None, closed: Conversation
) -> bool:
    """Reopen the conversation for a message without another subject. A greeting has no subject yet,
    so it opens a new one."""
    assert closed.closed_at is not None
    verdict = interpretation.outcome.verdict
    if (
        closed.state.idle
        or unit.at - closed.closed_at > REOPEN_PERIOD
        or interpretation.needs_no_action
    ):
        return False
    if interpretation.text and not interpretation.has_subject:
        return False
    departments = (closed.department, closed.state.home_department)
    if (safety_rule := interpretation.outcome.care) and safety_rule.department:
        return safety_rule.department in departments
    if choice and choice.option.department:
        return choice.option.department in departments
    return verdict is None or verdict.department in departments


def _keep_department(previous: Conversation, number: Number, context: RoutingContext) -> Verdict:
    """Return the present department, if it still exists."""
    if context.config.department(previous.tenant, previous.department):
        return Verdict(previous.department, previous.rule, previous.why())
    return Verdict(number.fallback, "", context.reasons.fallback)


def _place(
    unit: WorkUnit,
    previous: Conversation | None,
    interpretation: Interpretation,
    choice: MenuChoice | None,
    number: Number,
    context: RoutingContext,
) -> Placement:
    if choice:
        return _place_by_choice(previous, choice, number, context)
    verdict, open_menu = interpretation.outcome.verdict, previous.state.menu if previous else ""
    may_move = _may_move(previous, context)
    if (safety_rule := interpretation.outcome.care) and safety_rule.department:
        care_reason = interpretation.outcome.care_reason
        verdict = Verdict(safety_rule.department, safety_rule.id, care_reason)
        may_move = may_move or _may_danger_move(previous)
    # A menu that was just sent is not sent again: these words do not answer it.
    is_new = verdict and not (verdict.menu and menus.last_menu(open_menu) == verdict.menu)
    if verdict and is_new and may_move:
        verdict = _with_department(verdict, previous, number, context)
        menu_path = verdict.menu
        return Placement(
            previous=previous, verdict=verdict, is_decided=not menu_path, menu_path=menu_path
        )
    current = _stay_home(previous, number, context)
    is_begun = previous is not None and (previous.state.has_question or _began_with_us(previous))
    is_decided = bool(current.rule) or interpretation.has_subject or is_begun
    if open_menu and interpretation.has_subject:
        is_typing = _is_typing(unit, previous, number, context)
        return Placement(
            previous=previous, verdict=current, is_decided=not is_typing, is_unclear=not is_typing
        )
    tenant = context.config.tenant(number.tenant)
    is_undecided = interpretation.has_subject and not is_begun and not current.rule
    menu_path = tenant.menu if tenant and is_undecided else ""
    return Placement(previous=previous, verdict=current, is_decided=is_decided, menu_path=menu_path)


def _began_with_us(previous: Conversation) -> bool:
    """True if we wrote first: then any message is an answer to our writer."""
    return previous.last_inbound_at is None


def _place_by_choice(
    previous: Conversation | None, choice: MenuChoice, number: Number, context: RoutingContext
) -> Placement:
    option = choice.option
    current = _stay_home(previous, number, context)
    department = context.config.department(number.tenant, option.department)
    may_move = _may_move(previous, context)
    if may_move and (choice.is_back or option.menu):
        return Placement(
            previous=previous, verdict=current, choice=choice, menu_path=choice.next_path
        )
    if not may_move or department is None:
        return Placement(previous=previous, verdict=current, is_decided=True, choice=choice)
    reason = context.reasons.menu.format(option.title)
    verdict = Verdict(option.department, f"{MENU}:{choice.path}/{option.id}", reason)
    return Placement(previous=previous, verdict=verdict, is_decided=True, choice=choice)


def _may_move(previous: Conversation | None, context: RoutingContext) -> bool:
    """True if no one has chosen a department yet: no rule, no person, and no person has
    answered."""
    if previous is None:
        return True
    if context.config.department(previous.tenant, _home_department(previous)) is None:
        return True
    return not previous.rule and previous.state.answered_at is None


def _may_danger_move(previous: Conversation | None) -> bool:
    """True if no person has answered or has chosen the department. Danger then overrides a rule's
    choice."""
    return previous is None or (
        previous.state.answered_at is None and previous.rule not in (TRANSFER, OPENED)
    )


def _is_typing(
    unit: WorkUnit, previous: Conversation | None, number: Number, context: RoutingContext
) -> bool:
    """True if the citizen was probably still typing these words when the menu was sent."""
    tenant = context.config.tenant(number.tenant)
    asked_at = previous.state.menu_at if previous else None
    return bool(tenant and asked_at and unit.at - asked_at <= tenant.burst_window)


def _with_department(
    verdict: Verdict, previous: Conversation | None, number: Number, context: RoutingContext
) -> Verdict:
    """Keep the department for a rule that only sends a menu or withholds the conversation."""
    if verdict.department:
        return verdict
    department = _stay_home(previous, number, context).department
    return msgspec.structs.replace(verdict, department=department, rule="")


def _stay_home(previous: Conversation | None, number: Number, context: RoutingContext) -> Verdict:
    """Return the home department. If it has been removed from the configuration, start again at the
    number's fallback, because it can no longer receive events."""
    if previous and context.config.department(previous.tenant, _home_department(previous)):
        return Verdict(_home_department(previous), previous.rule, home_reason(previous, context))
    return Verdict(number.fallback, "", context.reasons.fallback)


def _home_department(previous: Conversation) -> str:
    """Return the department that it belongs to, whichever deputy owns it now."""
    return previous.state.home_department or previous.department


def home_reason(previous: Conversation, context: RoutingContext) -> str:
    """Return why it belongs there, without the notes on closed departments. `apply_deputy` adds
    them again while they apply."""
    department_id, closed = _home_department(previous), ""
    for _ in range(MAX_DEPUTIES):
        department = context.config.department(previous.tenant, department_id)
        if department is None or department_id == previous.department:
            break
        department_id = department.when_closed
        closed += context.reasons.closed.format(department.name)
    return previous.why().removesuffix(closed)


def apply_deputy(
    placement: Placement, number: Number, unit: WorkUnit, context: RoutingContext
) -> Placement:
    """Move the placement to the deputy that is open at this hour. A department that has answered
    keeps the conversation."""
    tenant = number.tenant
    previous, verdict = placement.previous, placement.verdict
    home = department_id = verdict.department
    if placement.is_passing:
        return placement
    if previous and _is_answered(previous, context):
        current = _keep_department(previous, number, context)
        return msgspec.structs.replace(placement, verdict=current, home_department=home)
    reason = verdict.reason
    for _ in range(MAX_DEPUTIES):
        department = context.config.department(tenant, department_id)
        hours = context.hours.get((tenant, department_id))
        if department is None or not department.when_closed or not hours or hours.is_open(unit.at):
            break
        department_id = department.when_closed
        reason += context.reasons.closed.format(department.name)
    if reason is not verdict.reason:
        verdict = msgspec.structs.replace(verdict, department=department_id, reason=reason)
    return msgspec.structs.replace(placement, verdict=verdict, home_department=home)


def _is_answered(previous: Conversation, context: RoutingContext) -> bool:
    """True if a department that still exists has answered."""
    if previous.state.answered_at is None or previous.closed_at is not None:
        return False
    return context.config.department(previous.tenant, previous.department) is not None


def open_conversation(
    unit: WorkUnit, number: Number, person: UUID, verdict: Verdict, context: RoutingContext
) -> Conversation:
    """Open a conversation. Its id begins with our id of the number, which shows the partition and
    the municipality to anyone with the id. The rest is unguessable."""
    digest = context.hashes.own("conversation", unit.key.hex())
    return Conversation(
        id=conversation_id(number.id, digest),
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
