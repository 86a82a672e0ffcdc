"""Which text goes out by itself, if any: at most one for a burst, the gravest first. Pure.

A text answers what was said now: nothing answers a message that is long past, and nobody gets the
same one over and over. Only what care asks for goes before everything else.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from router import menus
from router.conversation import Conversation
from router.decisions import Ground, Reply, Standing, Unit
from router.listening import Said
from services import hours
from services.hours import moment
from services.rules import CARE_TEXTS
from services.texts import (
    INTERACTIVE_BODY,
    glued,
    lacking,
    rendered,
    values_in,
)
from services.town import Tenant

MOST, IN = 5, timedelta(hours=24)
"""Texts in one conversation that go out by themselves: two machines that answer each other stop."""
FIRST, AGAIN_AFTER = "eerste_contact", timedelta(days=365)
"""Said before another text, once a year to each person."""
GLUED = frozenset(["gesloten", "keuze"])
"""What it is put in front of; with what asks something else it waits for another time."""
NOTICE, STATE = "_notice", "_state"
"""Texts of the contact centre, which stand in no file."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and the conversation as it stands after it."""

    unit: Unit
    said: Said
    now: Conversation
    tenant: Tenant
    standing: Standing
    first: bool
    """The person wrote nothing for a year."""
    type: str = ""
    kind: str = ""
    """Of what Meta calls unsupported: what it was."""
    errors: tuple[int, ...] = ()
    asked: str = ""
    """Path of the menu to ask."""
    option_reply: str = ""
    unclear: bool = False
    """The answer to a menu was none of its options."""
    closed_till: datetime | None = None
    """When its department opens; None while it is open, or never does."""

    @property
    def at(self) -> datetime:
        return self.unit.at


class Candidate(msgspec.Struct, frozen=True):
    """A text that would be said. `once`: not twice in one conversation. `named`: a rule, an option
    or a menu of the municipality asks for it."""

    name: str
    once: bool = False
    named: bool = False
    path: str = ""
    """Of the menu that it asks."""


UNREADABLE = (131052,)
"""Meta's code of media that cannot be fetched."""


def is_first(last: datetime | None, at: datetime) -> bool:
    """Whether somebody is told again how this works, `last` being when they wrote before."""
    return last is None or at - last > AGAIN_AFTER


def _care(m: Moment, ground: Ground) -> Iterator[Candidate]:
    if (care := m.said.outcome.care) and (name := care.reply or CARE_TEXTS[care.kind]):
        yield Candidate(name, named=bool(care.reply))


def _stopped(m: Moment, ground: Ground) -> Iterator[Candidate]:
    if m.said.opt == "stop":
        yield Candidate("gestopt")


def _state(m: Moment, ground: Ground) -> Iterator[Candidate]:
    if m.standing.state_at(m.at) == "closed":
        yield Candidate(STATE, once=True)


def _ruled(m: Moment, ground: Ground) -> Iterator[Candidate]:
    for name in m.said.outcome.marks.replies:
        yield Candidate(name, once=True, named=True)
    if m.option_reply:
        yield Candidate(m.option_reply, named=True)


def _sensitive(m: Moment, ground: Ground) -> Iterator[Candidate]:
    if m.said.sensitive:
        yield Candidate("bsn", once=True)


def _noticed(m: Moment, ground: Ground) -> Iterator[Candidate]:
    if m.standing.notice_at(m.at):
        yield Candidate(f"{NOTICE}:{m.standing.notice_id}", once=True)


def _closed(m: Moment, ground: Ground) -> Iterator[Candidate]:
    if m.closed_till and m.now.state.closed_until != m.closed_till:
        yield Candidate("gesloten")


def _asked(m: Moment, ground: Ground) -> Iterator[Candidate]:
    if m.asked and (menu := menus.menu_at(m.asked, ground.config)):
        yield Candidate(menu.text, path=m.asked)
    elif m.unclear:
        yield Candidate("keuze_onduidelijk")


def _unheard(m: Moment, ground: Ground) -> Iterator[Candidate]:
    if m.type in ("audio", "voice"):
        yield Candidate("spraakbericht", once=True)
    elif m.type == "unsupported":
        yield Candidate("aangepast" if m.kind == "edit" else "bestand", once=True)
    elif set(m.errors) & set(UNREADABLE):
        yield Candidate("bestand", once=True)


def _first(m: Moment, ground: Ground) -> Iterator[Candidate]:
    """Once words were said: until then it waits for what it can stand in front of."""
    if m.first and m.now.state.spoken:
        yield Candidate(FIRST)


ORDER: tuple[Callable[[Moment, Ground], Iterator[Candidate]], ...] = (
    _care,
    _stopped,
    _state,
    _ruled,
    _sensitive,
    _noticed,
    _closed,
    _asked,
    _unheard,
    _first,
)
"""The gravest first: of all that would be said, one is."""


def reply(m: Moment, ground: Ground) -> tuple[Candidate, Reply] | None:
    """The one text that answers this message, if any does."""
    if m.said.silent or m.said.late or (m.said.passing and not m.said.opt):
        return None
    owed = m.said.outcome.care is not None or m.said.opt == "stop"
    if not owed and (_enough(m) or m.standing.state_at(m.at) == "receive-only"):
        return None
    for look in ORDER[:2] if owed else ORDER:
        for candidate in look(m, ground):
            if not (candidate.once and candidate.name in m.now.state.told) and (
                made := _made(m, candidate, ground)
            ):
                return candidate, made
    return None


def _enough(m: Moment) -> bool:
    """One in this burst, or as many as a day may bring."""
    texted, burst = m.now.state.texted, m.now.state.burst_at
    if texted and burst and texted[-1] >= burst:
        return True
    return len([at for at in texted if m.at - at < IN]) >= MOST


def _made(m: Moment, candidate: Candidate, ground: Ground) -> Reply | None:
    """None where the municipality does not send it, or there is no such text."""
    if candidate.name == STATE:
        return _reply(m.unit, candidate, m.standing.state_text, ground)
    if candidate.name.startswith(NOTICE):
        return _reply(m.unit, candidate, m.standing.notice, ground)
    first = m.first and candidate.name in GLUED and FIRST in m.tenant.automatic
    before = FIRST if first else ""
    return by_itself(m.unit, candidate, m.now, m.tenant, ground, opens=m.closed_till, before=before)


def by_itself(
    unit: Unit,
    candidate: Candidate,
    now: Conversation,
    tenant: Tenant,
    ground: Ground,
    *,
    opens: datetime | None = None,
    before: str = "",
) -> Reply | None:
    """A text of the municipality's files, where it is to be sent by itself; with another before it.
    None where a placeholder has no value: half a sentence helps nobody, and `check` has said so."""
    text = ground.texts.find(now.state.language, candidate.name)
    if text is None or not _sends(candidate, tenant):
        return None
    values = values_in(text.language, _values(unit, now, tenant, opens, ground))
    body = text.body
    if before and (other := ground.texts.find(text.language, before)):
        body = glued(other.body, body)
    if lacking(body, values):
        return None
    body = rendered(body, values)
    return _reply(unit, candidate, body, ground, button=text.button, language=text.language)


def _reply(
    unit: Unit,
    candidate: Candidate,
    body: str,
    ground: Ground,
    *,
    button: str = "",
    language: str = "",
) -> Reply | None:
    if not body:
        return None
    menu = menus.menu_at(candidate.path, ground.config) if candidate.path else None
    content: dict[str, Any] = {"type": "text", "text": {"body": body}}
    if menu:
        content = menus.content(candidate.path, menu, body[:INTERACTIVE_BODY], button)
    return Reply(
        id=unit.id("reply", ground.hash),
        name=candidate.name.partition(":")[0],
        language=language,
        text=body,
        content=msgspec.json.encode(content),
        record=unit.id("reply record", ground.hash),
    )


def _sends(candidate: Candidate, tenant: Tenant) -> bool:
    asked = candidate.named or candidate.path
    return bool(asked) or candidate.name in tenant.automatic


def _values(
    unit: Unit, now: Conversation, tenant: Tenant, opens: datetime | None, ground: Ground
) -> dict[str, str]:
    """What stands for the placeholders."""
    department = ground.config.department(now.tenant, now.department)
    until = answered_by(now, tenant, unit.at, ground)
    computed = {
        "gemeente": tenant.name,
        "afdeling": department.called if department else "",
        "datum": moment(unit.at).rpartition(" om ")[0],
        "moment": moment(until) if until else "",
        "opent": moment(opens) if opens else "",
    }
    return {**computed, **tenant.values}


def answered_by(now: Conversation, tenant: Tenant, at: datetime, ground: Ground) -> datetime | None:
    """By when somebody who has waited too long hears from us: as long again, in opening hours."""
    own = ground.hours.get((now.tenant, now.department))
    wait = timedelta(minutes=tenant.wait_minutes)
    return hours.after(own, at, wait) if own else at + wait
