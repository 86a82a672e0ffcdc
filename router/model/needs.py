"""Rows that decisions read, declared before they are loaded. Pure."""

from collections.abc import Collection, Iterable
from uuid import UUID

import msgspec

from router.model.work import RoutingContext
from services.whatsapp import items


class NotLoaded(Exception):
    """A decision read rows that its handler had not declared: a fault in Postkamer.

    Without it a row that was not loaded would look absent, and the decision would be wrong.
    """


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of the rows that one decision, or a batch of them, reads.

    People come with their identities and conversations, messages with their conversations.
    """

    numbers: Collection[str] = ()
    """Numbers whose notice and state are read."""
    identities: Collection[bytes] = ()
    """Hashes of identities."""
    conversations: Collection[str] = ()
    """Ids of conversations, beside those of the people and messages."""
    messages: Collection[UUID] = ()
    """Ids of messages to citizens."""
    quoted: Collection[UUID] = ()
    """Ids of messages that a command quotes, whoever wrote them."""
    wamids: Collection[bytes] = ()
    """Hashes of the wamids of messages to citizens."""
    early: Collection[bytes] = ()
    """Hashes of wamids whose statuses may have arrived before the outcome of the send."""
    templates: Collection[tuple[str, str]] = ()
    """Names and languages of templates; with them the opt-outs of the people."""
    charges: bool = False
    """True where the charges of the messages are read."""
    consents: bool = False
    """True where consents, withdrawals and the last contact of the people are read."""


def union(needs: Iterable[Needs]) -> Needs:
    """Needs of a whole batch."""
    every = list(needs)
    return Needs(
        numbers={key for each in every for key in each.numbers if key},
        identities={key for each in every for key in each.identities},
        conversations={key for each in every for key in each.conversations if key},
        messages={key for each in every for key in each.messages},
        quoted={key for each in every for key in each.quoted},
        wamids={key for each in every for key in each.wamids},
        early={key for each in every for key in each.early},
        templates={key for each in every for key in each.templates},
        charges=any(each.charges for each in every),
        consents=any(each.consents for each in every),
    )


def identity_hashes(
    number_id: str, identities: Iterable[items.Identity], context: RoutingContext
) -> list[bytes]:
    """Hashes under which a number's municipality knows these identities."""
    number = context.config.number(number_id)
    if number is None:
        return []
    return [context.hash(number.tenant, each.kind, each.value) for each in identities]
