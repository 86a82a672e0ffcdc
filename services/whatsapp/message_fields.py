"""Messages and statuses: the webhook fields with their lists, and the reader of each list."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from services.whatsapp.account_events import make_unknown, read_errors, read_notice
from services.whatsapp.body import Change
from services.whatsapp.content import read_content
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
    read_object,
    text,
)


class ItemContext(msgspec.Struct, frozen=True):
    """The surroundings of an item: its change and its contacts. In history also the citizen of the
    thread (`owner`) and the bytes before its first message (`head`)."""

    change: Change
    contacts: Contacts
    owner: tuple[Identity, ...] = ()
    head: bytes = b""


def read_messages(change: Change, lists: dict[str, msgspec.Raw]) -> Iterator[AnyItem]:
    """Yield the items in a change of a field in MESSAGES, and at least one."""
    context = ItemContext(change, Contacts(elements(lists.get("contacts")) or []))
    empty = True
    for name, read in MESSAGES[change.field].items():
        if name in lists:
            for item in _each(context, lists[name], read):
                yield item
                empty = False
    if "errors" in lists:
        yield read_errors(change, bytes(lists["errors"]))
    elif empty:
        yield make_unknown(change, change.raw, "nothing known in the value")


def _each(context: ItemContext, raw: msgspec.Raw | None, read: "Reader") -> Iterator[AnyItem]:
    parts = elements(raw)
    if parts is None and raw is not None:
        yield make_unknown(context.change, bytes(raw), "no list where one belongs")
    for part in parts or ():
        element = bytes(part)
        try:
            yield from read(context, element)
        except UnreadableJson as error:
            yield make_unknown(context.change, element, str(error))


def _inbound(context: ItemContext, raw: bytes) -> Iterator[AnyItem]:
    value = read_object(raw)
    if value.get("type") == "system":
        old, new = identity_change_in(value)
        yield _message(context, raw, value, old, becomes=tuple(new))
    else:
        yield _message(context, raw, value, identities_in(value, SENDER))


def _echo(context: ItemContext, raw: bytes) -> Iterator[AnyItem]:
    value = read_object(raw)
    yield _message(context, raw, value, identities_in(value, ADDRESSEE), outgoing=True)


def _chunk(context: ItemContext, raw: bytes) -> Iterator[AnyItem]:
    """Read a chunk of history: messages by thread, or errors if none is shared, or only
    progress."""
    chunk = members(raw) or {}
    empty = True
    for item in _each(context, chunk.get("threads"), _thread):
        yield item
        empty = False
    if "errors" in chunk:
        yield read_errors(context.change, bytes(chunk["errors"]))
    elif empty:
        yield read_notice(context.change, raw, "")


def _thread(context: ItemContext, raw: bytes) -> Iterator[AnyItem]:
    thread = members(raw)
    if thread is None:
        raise UnreadableJson("no object where one belongs")
    messages = thread.get("messages")
    owner = tuple(thread_owner(thread))
    in_thread = ItemContext(context.change, context.contacts, owner, _head(raw, messages))
    yield from _each(in_thread, messages, _historic)


def _head(raw: bytes, messages: msgspec.Raw | None) -> bytes:
    """Return the bytes of a thread before its first message; they have the citizen's number."""
    first = next(iter(elements(messages) or ()), None)
    if messages is None or first is None:
        return b""
    at = raw.find(first, raw.find(messages))
    return raw[:at] if at <= MAX_CONTACT else b""


def _historic(context: ItemContext, raw: bytes) -> Iterator[AnyItem]:
    """Read a message of history; only messages of the business have an addressee."""
    value = read_object(raw)
    addressee = identities_in(value, ADDRESSEE)
    citizen = list(context.owner) or addressee or identities_in(value, SENDER)
    yield _message(context, raw, value, citizen, outgoing=bool(addressee))


def _message(
    context: ItemContext,
    raw: bytes,
    value: dict[str, Any],
    citizen: list[Identity],
    *,
    outgoing: bool = False,
    becomes: tuple[Identity, ...] = (),
) -> Message:
    change = context.change
    person, contact = _complete(context, citizen)
    id, quoted = text(value.get("id")), fields(value.get("context"))
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
        content=read_content(value),
        quoted=text(quoted.get("id")),
        forwarded=bool(quoted.get("forwarded") or quoted.get("frequently_forwarded")),
        referral=fields(value.get("referral")),
        group=text(value.get("group_id")),
        errors=tuple([code(error.get("code")) for error in objects(value.get("errors"))]),
        contact=contact or context.head,
        outgoing=outgoing,
        becomes=becomes,
    )


def _complete(context: ItemContext, citizen: list[Identity]) -> tuple[Person, bytes]:
    """Return the person and the JSON of their contact.

    The only item of a change, if it names no person, belongs to the only contact. With more items
    that would be a guess, and could give one citizen's words to another.
    """
    change = context.change
    if citizen or change.field != "messages":
        return context.contacts.complete(citizen)
    items = [elements((change.members or {}).get(name)) or [] for name in MESSAGES["messages"]]
    return context.contacts.complete(citizen, alone=sum(map(len, items)) == 1)


def _status(context: ItemContext, raw: bytes) -> Iterator[AnyItem]:
    value, change = read_object(raw), context.change
    id, status = text(value.get("id")), text(value.get("status"))
    if not id and not status:
        raise UnreadableJson("status without an id or a state")
    error = next(iter(objects(value.get("errors"))), {})
    person, contact = _complete(context, recipient(value))
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


Reader = Callable[[ItemContext, bytes], Iterator[AnyItem]]
"""Reads one element of a list; raises UnreadableJson."""

MESSAGES: dict[str, dict[str, Reader]] = {
    "messages": {"messages": _inbound, "statuses": _status},
    "smb_message_echoes": {"message_echoes": _echo},
    "history": {"history": _chunk, "messages": _historic},
}
