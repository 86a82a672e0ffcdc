"""Records on which the decisions of one batch rest; it grows as its units are decided. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar, overload
from uuid import UUID

import msgspec

from router.billing.charges import Charge
from router.model.changes import (
    Changes,
    EarlyStatus,
    Identity,
    InboundRef,
    NumberNotice,
    OutgoingStatus,
    Template,
)
from router.model.consent import Consent, OptOut, Withdrawal
from router.model.conversation import Conversation
from router.model.decision import Decision
from router.model.needs import DeclaredKeys, Needs, NotLoaded

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class Rows(Generic[K, V]):
    """Rows of one table by key. Reading a key that was not declared raises NotLoaded."""

    def __init__(self, what: str, is_declared: Callable[[K], bool]) -> None:
        self._what, self._is_declared = what, is_declared
        self._rows: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        if (row := self._rows.get(key)) is None:
            self._check(key)
            raise KeyError(key)
        return row

    @overload
    def get(self, key: K, default: None = None, /) -> V | None: ...

    @overload
    def get(self, key: K, default: V, /) -> V: ...

    @overload
    def get(self, key: K, default: D, /) -> V | D: ...

    def get(self, key: K, default: D | None = None, /) -> V | D | None:
        if (row := self._rows.get(key)) is None:
            self._check(key)
            return default
        return row

    def __setitem__(self, key: K, row: V) -> None:
        self._rows[key] = row

    def remove(self, key: K) -> None:
        """Remove a row, if it is there."""
        self._rows.pop(key, None)

    def loaded(self) -> dict[K, V]:
        """Rows that are here, of whatever key: for loading, not for deciding."""
        return self._rows

    def _check(self, key: K) -> None:
        if key and not self._is_declared(key):
            raise NotLoaded(f"{self._what} was read that no handler declared")


class Relied(msgspec.Struct, frozen=True):
    """Rows that were read and must still be there when the decisions are written: conversations,
    and people with an identity."""

    conversations: list[str] = []
    people: list[UUID] = []


class Snapshot:
    """Rows by table. With `needs`, reading beyond them raises NotLoaded; without, all is there."""

    def __init__(self, needs: Needs | None = None) -> None:
        declared = DeclaredKeys(needs)
        self._declared = declared
        self.decided: dict[bytes, tuple[UUID, Decision]] = {}
        self.forgotten: set[bytes] = set()
        """Keys of units whose conversation was destroyed since they were decided."""
        self.identities: Rows[tuple[str, str, bytes], Identity] = Rows(
            "an identity", declared.is_identity
        )
        self._people: dict[UUID, list[Identity]] = {}
        self.conversations: Rows[str, Conversation] = Rows(
            "a conversation", declared.is_conversation
        )
        self.open: Rows[tuple[str, UUID], str] = Rows("an open conversation", declared.is_person)
        self.closed: Rows[tuple[str, UUID], str] = Rows("a closed conversation", declared.is_person)
        """Conversation with this person that was closed last."""
        self.last_heard: Rows[UUID, datetime] = Rows("a last message", declared.is_last_heard)
        """Time of a person's last message to any number."""
        self.outgoing: Rows[UUID, OutgoingStatus] = Rows("a message", declared.is_message)
        self.message_by_wamid: Rows[bytes, UUID] = Rows("a wamid", declared.is_wamid)
        self.early_statuses: Rows[bytes, list[EarlyStatus]] = Rows(
            "an early status", declared.is_early_status
        )
        self.charges: Rows[UUID, Charge] = Rows("a charge", declared.is_charge)
        self.inbound: Rows[UUID, InboundRef] = Rows("a quoted message", declared.is_quoted_message)
        self.templates: Rows[tuple[str, str, str], Template] = Rows(
            "a template", lambda key: declared.is_template(*key[1:])
        )
        self.opt_outs: Rows[tuple[str, UUID, str], OptOut] = Rows("an opt-out", declared.is_opt_out)
        self.consents: Rows[tuple[str, UUID, str], Consent] = Rows("a consent", declared.is_consent)
        self.withdrawals: Rows[tuple[str, UUID, str], Withdrawal] = Rows(
            "a withdrawal", declared.is_consent
        )
        self.number_notices: Rows[str, NumberNotice] = Rows("a number notice", declared.is_number)

    def apply(self, changes: Changes) -> None:
        for identity in changes.identities:
            self.add_identity(identity)
        for conversation in filter(None, (changes.merged_conversation, changes.conversation)):
            self.add_conversation(conversation)
        if inbound := changes.inbound:
            self.inbound[inbound.message] = inbound
        self._apply_outgoing(changes)
        if changes.template:
            self.add_template(changes.template)
        if changes.opt_out:
            self.add_opt_out(changes.opt_out)
        self._apply_consents(changes)
        if changes.number_notice:
            self.number_notices[changes.number_notice.number] = changes.number_notice

    def _apply_outgoing(self, changes: Changes) -> None:
        """Apply the changes of an outgoing message."""
        for outgoing in filter(None, (changes.outgoing, changes.other_outgoing)):
            self.add_outgoing(outgoing)
        if changes.early_status:
            self.add_early_status(changes.early_status)
        if changes.early_status_consumed:
            self.early_statuses.remove(changes.early_status_consumed)
        if changes.charge:
            self.charges[changes.charge.id] = changes.charge

    def add_identity(self, identity: Identity) -> None:
        if identity.valid_to:
            self.identities.remove(identity.key)
        else:
            self.identities[identity.key] = identity
            self._people.setdefault(identity.person, []).append(identity)

    def people(self) -> list[UUID]:
        """Ids of the people who are here."""
        return list(self._people)

    def identities_of(self, person: UUID) -> list[Identity]:
        """Return the present identities of this person."""
        if not self._declared.is_anyone():
            raise NotLoaded("a person was read that no handler declared")
        present = self.identities.loaded()
        return [each for each in self._people.get(person, ()) if present.get(each.key) is each]

    def add_conversation(self, conversation: Conversation) -> None:
        self.conversations[conversation.id] = conversation
        key = conversation.number, conversation.person
        if at := conversation.last_inbound_at:
            self.record_inbound(conversation.person, at)
        if conversation.closed_at is None:
            self.open[key] = conversation.id
            return
        if self.open.loaded().get(key) == conversation.id:
            self.open.remove(key)
        other = self.conversations.loaded().get(self.closed.loaded().get(key, ""))
        if not (other and other.closed_at and other.closed_at > conversation.closed_at):
            self.closed[key] = conversation.id

    def conversations_like(self, conversation: Conversation) -> list[Conversation]:
        """Return the other conversations between its citizen and its number: the open one, and the
        one that was closed last."""
        key = conversation.number, conversation.person
        ids = {self.open.get(key), self.closed.get(key)} - {None, conversation.id}
        return [self.conversations[id] for id in ids if id]

    def record_inbound(self, person: UUID, at: datetime) -> None:
        self.last_heard[person] = max(at, self.last_heard.loaded().get(person, at))

    def add_outgoing(self, outgoing: OutgoingStatus) -> None:
        self.outgoing[outgoing.id] = outgoing
        self._declared.add_message(outgoing)
        if outgoing.wamid_hash:
            self.message_by_wamid[outgoing.wamid_hash] = outgoing.id

    def add_early_status(self, status: EarlyStatus) -> None:
        self.early_statuses.loaded().setdefault(status.wamid_hash, []).append(status)

    def templates_named(self, name: str, language: str) -> list[Template]:
        """Templates of every account by this name."""
        if not self._declared.is_template(name, language):
            raise NotLoaded("a template was read that no handler declared")
        return [
            t for t in self.templates.loaded().values() if (t.name, t.language) == (name, language)
        ]

    def add_template(self, template: Template) -> None:
        previous = self.templates.loaded().get(template.key)
        self.templates[template.key] = previous.apply_notice(template) if previous else template

    def add_opt_out(self, choice: OptOut) -> None:
        previous = self.opt_outs.loaded().get(choice.key)
        if previous is None or previous.at <= choice.at:
            self.opt_outs[choice.key] = choice

    def _apply_consents(self, changes: Changes) -> None:
        if consent := changes.consent:
            self.consents[consent.key] = consent
        for withdrawal in changes.withdrawals:
            self.add_withdrawal(withdrawal)

    def add_withdrawal(self, withdrawal: Withdrawal) -> None:
        """End all consent from before the withdrawal."""
        previous = self.withdrawals.get(withdrawal.key)
        if previous is None or previous.at < withdrawal.at:
            self.withdrawals[withdrawal.key] = withdrawal
        for consent in self.consents_of(withdrawal.tenant, withdrawal.person):
            if consent.ended_at is None and consent.given_at <= withdrawal.at:
                self.consents[consent.key] = consent.end(withdrawal.at, withdrawal.by)

    def consents_of(self, tenant: str, person: UUID) -> list[Consent]:
        if not self._declared.is_consent((tenant, person, "")):
            raise NotLoaded("consents were read that no handler declared")
        person_key = tenant, person
        return [c for c in self.consents.loaded().values() if (c.tenant, c.person) == person_key]
