"""Messages, and what became of ours: the fields whose lists hold them, and how each is read."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from services.whatsapp.account_events import errors, notice, unknown
from services.whatsapp.body import Change
from services.whatsapp.content import content
from services.whatsapp.identities import (
    ADDRESSEE,
    MAX_CONTACT,
    SENDER,
    Contacts,
    identities_in,
    identity_change_in,
    participant,
    recipient,
    thread_owner,
)
from services.whatsapp.items import AnyItem, Identity, Message, Person, Status
from services.whatsapp.lenient_json import (
    UnreadableJson,
    code,
    elements,
    fields,
    members,
    objects,
    parse_timestamp,
    record,
    text,
)


class Frame(msgspec.Struct, frozen=True):
    """What an item stands in: its change, the people named beside it; whose thread it is, and how
    that begins."""

    change: Change
    contacts: Contacts
    owner: tuple[Identity, ...] = ()
    head: bytes = b""


def messages(change: Change, lists: dict[str, msgspec.Raw]) -> Iterator[AnyItem]:
    """The items of a change of a field that stands in the table: at least one."""
    frame = Frame(change, Contacts(elements(lists.get("contacts")) or []))
    empty = True
    for name, read in MESSAGES[change.field].items():
        if name in lists:
            for item in _each(frame, lists[name], read):
                yield item
                empty = False
    if "errors" in lists:
        yield errors(change, bytes(lists["errors"]))
    elif empty:
        yield unknown(change, change.raw, "nothing known in the value")


def _each(frame: Frame, raw: msgspec.Raw | None, read: "Reader") -> Iterator[AnyItem]:
    parts = elements(raw)
    if parts is None and raw is not None:
        yield unknown(frame.change, bytes(raw), "no list where one belongs")
    for part in parts or ():
        own = bytes(part)
        try:
            yield from read(frame, own)
        except UnreadableJson as odd:
            yield unknown(frame.change, own, str(odd))


def _inbound(frame: Frame, raw: bytes) -> Iterator[AnyItem]:
    value = record(raw)
    if value.get("type") == "system":
        old, new = identity_change_in(value)
        yield _message(frame, raw, value, old, becomes=tuple(new))
    else:
        yield _message(frame, raw, value, identities_in(value, SENDER))


def _echo(frame: Frame, raw: bytes) -> Iterator[AnyItem]:
    value = record(raw)
    yield _message(frame, raw, value, identities_in(value, ADDRESSEE), outgoing=True)


def _chunk(frame: Frame, raw: bytes) -> Iterator[AnyItem]:
    """A chunk of history: messages by thread, or errors where none is shared, or only progress."""
    chunk = members(raw) or {}
    empty = True
    for item in _each(frame, chunk.get("threads"), _thread):
        yield item
        empty = False
    if "errors" in chunk:
        yield errors(frame.change, bytes(chunk["errors"]))
    elif empty:
        yield notice(frame.change, raw, "")


def _thread(frame: Frame, raw: bytes) -> Iterator[AnyItem]:
    thread = members(raw)
    if thread is None:
        raise UnreadableJson("no object where one belongs")
    listed = thread.get("messages")
    owner = tuple(thread_owner(thread))
    within = Frame(frame.change, frame.contacts, owner, _head(raw, listed))
    yield from _each(within, listed, _historic)


def _head(raw: bytes, listed: msgspec.Raw | None) -> bytes:
    """What stands in a thread before its first message: the citizen's number, as Meta writes it."""
    first = next(iter(elements(listed) or ()), None)
    if listed is None or first is None:
        return b""
    at = raw.find(first, raw.find(listed))
    return raw[:at] if at <= MAX_CONTACT else b""


def _historic(frame: Frame, raw: bytes) -> Iterator[AnyItem]:
    """Only what the business wrote says to whom."""
    value = record(raw)
    to = identities_in(value, ADDRESSEE)
    who = list(frame.owner) or to or identities_in(value, SENDER)
    yield _message(frame, raw, value, who, outgoing=bool(to))


def _message(
    frame: Frame,
    raw: bytes,
    value: dict[str, Any],
    who: list[Identity],
    *,
    outgoing: bool = False,
    becomes: tuple[Identity, ...] = (),
) -> Message:
    change = frame.change
    person, contact = _complete(frame, who)
    id, context = text(value.get("id")), fields(value.get("context"))
    if not id and not person.identities:
        raise UnreadableJson("message without an id or a person")
    return Message(
        raw=raw,
        waba=change.waba,
        number=change.number,
        field=change.field,
        id=id,
        person=person,
        sent_at=parse_timestamp(value.get("timestamp")),
        content=content(value),
        quoted=text(context.get("id")),
        forwarded=bool(context.get("forwarded") or context.get("frequently_forwarded")),
        referral=fields(value.get("referral")),
        group=text(value.get("group_id")),
        errors=tuple([code(error.get("code")) for error in objects(value.get("errors"))]),
        contact=contact or frame.head,
        outgoing=outgoing,
        becomes=becomes,
    )


def _complete(frame: Frame, who: list[Identity]) -> tuple[Person, bytes]:
    """The person and their contact. One item that names nobody is its only contact's; among more
    items that would be a guess, and give one citizen's words to another."""
    change = frame.change
    if who or change.field != "messages":
        return frame.contacts.complete(who)
    items = [elements((change.members or {}).get(name)) or [] for name in MESSAGES["messages"]]
    return frame.contacts.complete(who, alone=sum(map(len, items)) == 1)


def _status(frame: Frame, raw: bytes) -> Iterator[AnyItem]:
    value, change = record(raw), frame.change
    id, status = text(value.get("id")), text(value.get("status"))
    if not id and not status:
        raise UnreadableJson("status without an id or a state")
    error = next(iter(objects(value.get("errors"))), {})
    person, contact = _complete(frame, recipient(value))
    details = text(fields(error.get("error_data")).get("details"))
    yield Status(
        raw=raw,
        waba=change.waba,
        number=change.number,
        field=change.field,
        id=id,
        status=status,
        at=parse_timestamp(value.get("timestamp")),
        person=person,
        participant=participant(value),
        opaque=text(value.get("biz_opaque_callback_data")),
        code=code(error.get("code")),
        reason=details or text(error.get("title")) or text(error.get("message")),
        pricing=fields(value.get("pricing")),
        contact=contact,
    )


Reader = Callable[[Frame, bytes], Iterator[AnyItem]]
"""Reads one element of a list. Raises Odd where it cannot."""

MESSAGES: dict[str, dict[str, Reader]] = {
    "messages": {"messages": _inbound, "statuses": _status},
    "smb_message_echoes": {"message_echoes": _echo},
    "history": {"history": _chunk, "messages": _historic},
}
