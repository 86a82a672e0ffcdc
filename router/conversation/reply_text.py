"""A text of the municipality's files as it goes out: filled in, in the citizen's language. Pure."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from router.conversation import menus
from router.model.conversation import Conversation
from router.model.decision import Reply, RoutingContext, WorkUnit
from services.calendar import opening_hours
from services.calendar.opening_hours import format_day, format_moment
from services.config.organisation import Tenant
from services.texts import catalogue
from services.texts.catalogue import join_texts, localised_values, missing_placeholders, render
from services.whatsapp.limits import BODY, INTERACTIVE_BODY

FIRST = "eerste_contact"
"""Said before another text, once a year to each person."""
GLUED = frozenset(["gesloten", "doorgestuurd"])
"""What it is put in front of, and of menus; with what tells something else it waits."""


class ReplyCandidate(msgspec.Struct, frozen=True):
    """A text that would be said. `once`: not twice in one conversation. `named`: a rule, an option
    or a menu of the municipality asks for it; `owed`: nothing that went out before holds it back;
    `welcomes`: it tells, alone or before another, how this works."""

    name: str
    once: bool = False
    named: bool = False
    owed: bool = False
    welcomes: bool = False
    path: str = ""
    """Of the menu that it asks."""
    about: datetime | None = None
    """The moment that it speaks of; now, otherwise."""


Text = tuple[ReplyCandidate, Reply]
"""What is said, and why."""


def render_reply(
    unit: WorkUnit,
    candidate: ReplyCandidate,
    now: Conversation,
    tenant: Tenant,
    ground: RoutingContext,
    opens: datetime | None = None,
) -> Text | None:
    """A text of the municipality's files, where it is to be sent by itself, after the first one
    where that still waits. None where a placeholder has no value: half a sentence helps nobody, and
    `check` has said so."""
    text = ground.texts.find(now.state.language, candidate.name)
    if text is None or not _sends(candidate, tenant):
        return None
    about = candidate.about or unit.at
    values = localised_values(
        text.language, _values(about, text.language, now, tenant, opens, ground)
    )
    body = _filled(text, values)
    first = ground.texts.find(text.language, FIRST) if _waits(candidate, now, tenant) else None
    if body and first and (before := _filled(first, values)):
        both = join_texts(before, body)
        if len(both) <= (INTERACTIVE_BODY if candidate.path else BODY):
            body, candidate = both, msgspec.structs.replace(candidate, welcomes=True)
    return build_reply(unit, candidate, body, ground, button=text.button, language=text.language)


def _waits(candidate: ReplyCandidate, now: Conversation, tenant: Tenant) -> bool:
    """Whether the first one is still to be told, and can stand before this."""
    before = candidate.path or candidate.name in GLUED
    return bool(before) and now.state.welcome and FIRST in tenant.automatic


def _filled(text: catalogue.Text, values: dict[str, str]) -> str:
    return "" if missing_placeholders(text.body, values) else render(text.body, values)


def build_reply(
    unit: WorkUnit,
    candidate: ReplyCandidate,
    body: str,
    ground: RoutingContext,
    *,
    button: str = "",
    language: str = "",
) -> Text | None:
    if not body:
        return None
    menu = menus.menu_at(candidate.path, ground.config) if candidate.path else None
    content: dict[str, Any] = {"type": "text", "text": {"body": body}}
    if menu:
        content = menus.menu_payload(candidate.path, menu, body[:INTERACTIVE_BODY], button)
    reply = Reply(
        id=unit.id("reply"),
        name=candidate.name.partition(":")[0],
        language=language,
        text=body,
        content=msgspec.json.encode(content),
        record=unit.id("reply record"),
    )
    return candidate, reply


def _sends(candidate: ReplyCandidate, tenant: Tenant) -> bool:
    asked = candidate.named or candidate.path
    return bool(asked) or candidate.name in tenant.automatic


def _values(
    at: datetime,
    language: str,
    now: Conversation,
    tenant: Tenant,
    opens: datetime | None,
    ground: RoutingContext,
) -> dict[str, str]:
    """What stands for the placeholders, in the language of the text."""
    department = ground.config.department(now.tenant, now.department)
    until = answered_by(now, tenant, at, ground)
    computed = {
        "gemeente": tenant.name,
        "afdeling": department.called if department else "",
        "datum": format_day(at, language),
        "moment": format_moment(until, language) if until else "",
        "opent": format_moment(opens, language) if opens else "",
    }
    return {**computed, **tenant.values}


def answered_by(
    now: Conversation, tenant: Tenant, at: datetime, ground: RoutingContext
) -> datetime | None:
    """By when somebody who has waited too long hears from us: as long again, in opening hours."""
    own = ground.hours.get((now.tenant, now.department))
    wait = timedelta(minutes=tenant.wait_minutes)
    return opening_hours.add_open_time(own, at, wait) if own else at + wait
