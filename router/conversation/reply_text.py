"""Render a text of the catalogue in the citizen's language, with its placeholders filled in.
Pure."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from router.conversation import menus
from router.model.conversation import Conversation
from router.model.decision import Reply
from router.model.work import RoutingContext, WorkUnit
from services.calendar import opening_hours
from services.calendar.spoken_dates import format_day, format_moment
from services.config.organisation import Tenant
from services.texts import catalogue
from services.texts.catalogue import (
    WELCOME,
    join_texts,
    localised_values,
    missing_placeholders,
    render,
)
from services.whatsapp.limits import BODY, INTERACTIVE_BODY

WELCOME_BEFORE = frozenset(["gesloten", "doorgestuurd"])
"""Texts that the welcome text may precede, and so may menus. Before other texts it waits."""


class ReplyCandidate(msgspec.Struct, frozen=True):
    """Text that may be sent. `once`: at most once in a conversation; `is_requested`: a rule, an
    option or a menu of the municipality asks for it; `is_exempt`: earlier texts do not hold it
    back; `includes_welcome`: it is the welcome text, or begins with it."""

    name: str
    once: bool = False
    is_requested: bool = False
    is_exempt: bool = False
    includes_welcome: bool = False
    menu_path: str = ""
    """Path of the menu that it sends."""
    moment: datetime | None = None
    """Moment that the text speaks of; None for now."""


RenderedReply = tuple[ReplyCandidate, Reply]
"""The text to send, and the candidate that led to it."""


def render_reply(
    unit: WorkUnit,
    candidate: ReplyCandidate,
    conversation: Conversation,
    tenant: Tenant,
    context: RoutingContext,
    department_opens_at: datetime | None = None,
) -> RenderedReply | None:
    """Render a text of the catalogue, preceded by the welcome text if that is still due. Return
    None if the municipality does not send it, or if a placeholder has no value: half a sentence
    helps no one, and `check` has warned of it."""
    text = context.texts.find(conversation.state.language, candidate.name)
    if text is None or not _may_send(candidate, tenant):
        return None
    moment = candidate.moment or unit.at
    values = _placeholder_values(
        moment, text.language, conversation, tenant, department_opens_at, context
    )
    values = localised_values(text.language, values)
    body, welcome = _fill(text, values), None
    if _should_prepend_welcome(candidate, conversation, tenant):
        welcome = context.texts.find(text.language, welcome_text(conversation))
    if body and welcome and (prefix := _fill(welcome, values)):
        joined = join_texts(prefix, body)
        if len(joined) <= (INTERACTIVE_BODY if candidate.menu_path else BODY):
            body, candidate = joined, msgspec.structs.replace(candidate, includes_welcome=True)
    return build_reply(unit, candidate, body, context, button=text.button, language=text.language)


def welcome_text(conversation: Conversation) -> str:
    """Return the id of the first text for this citizen: the one that a rule names, if any did."""
    return conversation.state.first_text or WELCOME


def _should_prepend_welcome(
    candidate: ReplyCandidate, conversation: Conversation, tenant: Tenant
) -> bool:
    """True if the welcome text is still due and may precede this text."""
    may_precede = candidate.menu_path or candidate.name in WELCOME_BEFORE
    return bool(may_precede) and conversation.state.welcome and WELCOME in tenant.automatic


def _fill(text: catalogue.Text, values: dict[str, str]) -> str:
    return "" if missing_placeholders(text.body, values) else render(text.body, values)


def build_reply(
    unit: WorkUnit,
    candidate: ReplyCandidate,
    body: str,
    context: RoutingContext,
    *,
    button: str = "",
    language: str = "",
) -> RenderedReply | None:
    if not body:
        return None
    menu = menus.menu_at(candidate.menu_path, context.config) if candidate.menu_path else None
    content: dict[str, Any] = {"type": "text", "text": {"body": body}}
    if menu:
        content = menus.build_payload(candidate.menu_path, menu, body[:INTERACTIVE_BODY], button)
    reply = Reply(
        id=unit.id("reply"),
        name=candidate.name.partition(":")[0],
        language=language,
        text=body,
        content=msgspec.json.encode(content),
        record=unit.id("reply record"),
    )
    return candidate, reply


def _may_send(candidate: ReplyCandidate, tenant: Tenant) -> bool:
    is_requested = candidate.is_requested or candidate.menu_path
    return bool(is_requested) or candidate.name in tenant.automatic


def _placeholder_values(
    at: datetime,
    language: str,
    conversation: Conversation,
    tenant: Tenant,
    department_opens_at: datetime | None,
    context: RoutingContext,
) -> dict[str, str]:
    """Return the values of the placeholders, in the language of the text."""
    department = context.config.department(conversation.tenant, conversation.department)
    answer_at = answer_due(conversation, tenant, at, context)
    computed = {
        "gemeente": tenant.name,
        "afdeling": department.called if department else "",
        "datum": format_day(at, language),
        "moment": format_moment(answer_at, language) if answer_at else "",
        "opent": format_moment(department_opens_at, language) if department_opens_at else "",
    }
    return {**computed, **tenant.values}


def answer_due(
    conversation: Conversation, tenant: Tenant, at: datetime, context: RoutingContext
) -> datetime | None:
    """Return when a citizen who has waited too long will get an answer: after the same wait again,
    in opening hours."""
    hours = context.hours.get((conversation.tenant, conversation.department))
    wait = timedelta(minutes=tenant.wait_minutes)
    return opening_hours.add_open_time(hours, at, wait) if hours else at + wait
