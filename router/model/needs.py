"""Rows that decisions read, declared before they are loaded. Pure."""

from collections.abc import Collection, Iterable
from uuid import UUID

import msgspec

from router.model.changes import OutgoingStatus
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
    """True where consents and withdrawals of the people are read."""
    last_heard: bool = False
    """True where the time of the people's last message is read."""


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
        last_heard=any(each.last_heard for each in every),
    )


class DeclaredKeys:
    """Predicates on keys: True for a row that the needs cover, so that its absence is known.

    A person's rows are covered as soon as any person can be: their id comes from a row that was
    loaded with them, or is new.
    """

    def __init__(self, needs: Needs | None) -> None:
        """`None` covers everything."""
        self._needs = needs
        self._messages: set[UUID] = set()
        self._conversations: set[str] = set()

    def add_message(self, message: OutgoingStatus) -> None:
        """A message to a citizen comes with its conversation and its charge."""
        self._messages.add(message.id)
        self._conversations.add(message.conversation)

    def is_identity(self, key: tuple[str, str, bytes]) -> bool:
        return self._needs is None or key[2] in self._needs.identities

    def is_anyone(self) -> bool:
        needs = self._needs
        if needs is None or needs.identities or needs.conversations:
            return True
        return bool(needs.messages or needs.quoted or needs.wamids)

    def is_person(self, _: tuple[str, UUID]) -> bool:
        return self.is_anyone()

    def is_last_heard(self, _: UUID) -> bool:
        return self._needs is None or (self._needs.last_heard and self.is_anyone())

    def is_conversation(self, id: str) -> bool:
        return self._needs is None or id in self._needs.conversations or id in self._conversations

    def is_message(self, id: UUID) -> bool:
        return self._needs is None or id in self._needs.messages or id in self._needs.quoted

    def is_quoted_message(self, id: UUID) -> bool:
        return self._needs is None or id in self._needs.quoted

    def is_wamid(self, hash: bytes) -> bool:
        return self._needs is None or hash in self._needs.wamids

    def is_early_status(self, hash: bytes) -> bool:
        return self._needs is None or hash in self._needs.early

    def is_charge(self, message: UUID) -> bool:
        if self._needs is None:
            return True
        is_here = message in self._messages or self.is_message(message)
        return is_here and (self._needs.charges or bool(self._needs.early))

    def is_template(self, name: str, language: str) -> bool:
        return self._needs is None or (name, language) in self._needs.templates

    def is_opt_out(self, _: tuple[str, UUID, str]) -> bool:
        return self._needs is None or (bool(self._needs.templates) and self.is_anyone())

    def is_consent(self, _: tuple[str, UUID, str]) -> bool:
        return self._needs is None or (self._needs.consents and self.is_anyone())

    def is_number(self, id: str) -> bool:
        return self._needs is None or id in self._needs.numbers


def identity_hashes(
    number_id: str, identities: Iterable[items.Identity], context: RoutingContext
) -> list[bytes]:
    """Hashes under which a number's municipality knows these identities."""
    number = context.config.number(number_id)
    if number is None:
        return []
    hash = context.hashes.of(number.tenant)
    return [hash(number.tenant, each.kind, each.value) for each in identities]
