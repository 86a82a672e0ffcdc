"""Tasks of Open Klant: what a department has to do, why, and until when. Pure.

`toelichting` goes to every subscriber of Open Klant's notifications: no citizen's words are in it.
"""

from collections.abc import Iterable, Iterator

from deliverer.destinations.citizen import Citizen
from deliverer.destinations.citizen_text import clean, shorten
from deliverer.destinations.openklant.contact_text import MAX_TEXT, Json, conversation_url
from deliverer.destinations.openklant.events import EventData, PayloadOptions
from services.calendar.spoken_dates import format_moment
from services.contract import Delivery

PRIORITIES = {"low": "laag", "high": "hoog", "urgent": "spoed"}
REQUESTED_ACTION = "Beantwoorden via WhatsApp"
NO_PHONE = "Geen telefoonnummer bekend: antwoorden kan alleen via WhatsApp."
TO_DO, DONE = "te_verwerken", "verwerkt"
TERMS = (
    "Wettelijke termijn: ", "Antwoorden via WhatsApp kan tot ", "Prioriteit: ", "Kenmerken: ",
)  # fmt: skip
"""Beginnings of the terms of the work: when it is due, until when a citizen can be answered, how
urgent it is, and its labels."""
LINE = 300
"""Longest reason or list of tags, in characters, so that the terms after it still fit."""


def task_payload(
    delivery: Delivery,
    event: EventData,
    contact: str,
    actor: str,
    options: PayloadOptions,
) -> Json:
    """Return a task without its number, about a contact and for an actor."""
    return {
        "aanleidinggevendKlantcontact": {"uuid": contact},
        "gevraagdeHandeling": REQUESTED_ACTION,
        "toelichting": add_lines("", _first_lines(delivery, event, options)),
        "status": TO_DO,
        "toegewezenAanActoren": [{"uuid": actor}],
    }


def close_task(remote: Json, remark: str) -> Json | None:
    """Return the change that ends an existing task; None if it is done already."""
    if remote.get("status") == DONE:
        return None
    return {"status": DONE, "toelichting": add_lines(_remarks(remote), [remark])}


def reopen_task(remote: Json, remark: str) -> Json | None:
    """Return the change that opens a task again, or adds a remark to an open one; None if both are
    there already."""
    change: Json = {} if remote.get("status") == TO_DO else {"status": TO_DO}
    return change | (note_on_task(remote, remark) or {}) or None


def note_on_task(remote: Json, remark: str) -> Json | None:
    """Return the change that adds a remark; None if it is there already."""
    remarks = add_lines(_remarks(remote), [remark])
    return {"toelichting": remarks} if remarks != _remarks(remote) else None


def move_task(remote: Json, event: EventData, actor: str, remark: str) -> Json:
    """Return the change that gives a task to another department, with the terms of the work."""
    remarks = add_lines(_remarks(remote), [remark])
    return {
        "toegewezenAanActoren": [{"uuid": actor}],
        "toelichting": _with_terms(remarks, event),
    }


def renew_terms(remote: Json, event: EventData) -> Json | None:
    """Return the change that gives an open task the terms of a later message; None without one."""
    remarks = _with_terms(_remarks(remote), event)
    if remote["status"] == DONE or remarks == _remarks(remote):
        return None
    return {"toelichting": remarks}


def _with_terms(remarks: str, event: EventData) -> str:
    """Return remarks with the terms of an event, each in the place of the one before."""
    lines = remarks.splitlines()
    for term in _terms(event):
        kind = next(each for each in TERMS if term.startswith(each))
        lines = [term if line.startswith(kind) else line for line in lines]
        if term not in lines:
            lines.append(term)
    renewed = "\n".join(lines)
    return renewed if len(renewed) <= MAX_TEXT else add_lines(remarks, _terms(event))


def add_lines(previous: str, lines: Iterable[str]) -> str:
    """Return remarks with more lines, without those that are there. What an employee wrote stays;
    if all of it is too long, … shows where the older part was cut."""
    known = set(previous.splitlines())
    new = [line for line in map(clean, lines) if line and line not in known]
    if not new:
        return previous
    addition = shorten("\n".join(new), MAX_TEXT)
    if not previous:
        return addition
    room = MAX_TEXT - len(addition) - 1
    return f"{shorten(previous, room)}\n{addition}" if room > 0 else addition


def _remarks(remote: Json) -> str:
    return remote.get("toelichting") or ""


def _first_lines(delivery: Delivery, event: EventData, options: PayloadOptions) -> Iterator[str]:
    """Yield the remarks of a new task, the most important first: the end may be cut off."""
    if options.link:
        yield f"Gesprek: {conversation_url(delivery, options)}"
    if isinstance(event.citizen, Citizen) and _lacks_phone(event.citizen):
        yield NO_PHONE
    if reason := event.decision.reason or event.reason:
        yield f"Waarom hier: {shorten(' '.join(clean(reason).split()), LINE)}"
    yield from _terms(event)


def _terms(event: EventData) -> Iterator[str]:
    """Yield the terms of the work, which move with it."""
    due, window, priority, tags = TERMS
    if event.due:
        yield f"{due}{event.due:%d-%m-%Y}"
    if event.window_until:
        yield f"{window}{format_moment(event.window_until)}"
    if event.priority in PRIORITIES:
        yield f"{priority}{PRIORITIES[event.priority]}"
    if event.tags:
        yield f"{tags}{shorten(', '.join(event.tags), LINE)}"


def _lacks_phone(citizen: Citizen) -> bool:
    kinds = {identity.kind for identity in citizen.identities}
    return bool(kinds) and "phone" not in kinds
