"""Records on which the decisions of one batch rest; it grows as its units are decided. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar, overload
from uuid import UUID

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
from router.model.needs import Needs, NotLoaded

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class Rows(dict[K, V], Generic[K, V]):
    """Rows of one table by key. A miss of a key that was not declared is NotLoaded, not None."""

    def __init__(self, what: str, is_declared: Callable[[K], bool]) -> None:
        super().__init__()
        self._what, self._is_declared = what, is_declared

    def __missing__(self, key: K) -> V:
        self._check(key)
        raise KeyError(key)

    @overload
    def get(self, key: K, default: None = None, /) -> V | None: ...

    @overload
    def get(self, key: K, default: V, /) -> V: ...

    @overload
    def get(self, key: K, default: D, /) -> V | D: ...

    def get(self, key: K, default: D | None = None, /) -> V | D | None:
        if key in self:
            return super().__getitem__(key)
        self._check(key)
        return default

    def _check(self, key: K) -> None:
        if key and not self._is_declared(key):
            raise NotLoaded(f"{self._what} was read that no handler declared")


class Snapshot:
    """Rows by table. With `needs`, reading beyond them raises NotLoaded; without, all is there."""

    def __init__(self, needs: Needs | None = None) -> None:
        self._needs = needs
        self._message_conversations: set[str] = set()
        self.decided: dict[bytes, tuple[UUID, Decision]] = {}
        self.identities: Rows[tuple[str, str, bytes], Identity] = Rows(
            "an identity", self._declares_identity
        )
        self.people: dict[UUID, list[Identity]] = {}
        self.conversations: Rows[str, Conversation] = Rows(
            "a conversation", self._declares_conversation
        )
        self.open: dict[tuple[str, UUID], str] = {}
        self.closed: dict[tuple[str, UUID], str] = {}
        """Conversation with this person that was closed last."""
        self.last_heard: dict[UUID, datetime] = {}
        """Time of a person's last message to any number; complete only for people whose consents
        were loaded."""
        self.outgoing: Rows[UUID, OutgoingStatus] = Rows("a message", self._declares_message)
        self.message_by_wamid: Rows[bytes, UUID] = Rows("a wamid", self._declares_wamid)
        self.early_statuses: Rows[bytes, list[EarlyStatus]] = Rows(
            "an early status", self._declares_early_status
        )
        self.charges: Rows[UUID, Charge] = Rows("a charge", self._declares_charge)
        self.inbound: Rows[UUID, InboundRef] = Rows(
            "a quoted message", self._declares_quoted_message
        )
        self.templates: dict[tuple[str, str, str], Template] = {}
        self.opt_outs: Rows[tuple[str, UUID, str], OptOut] = Rows(
            "an opt-out", self._declares_opt_out
        )
        self.consents: Rows[tuple[str, UUID, str], Consent] = Rows(
            "a consent", self._declares_consent
        )
        self.withdrawals: Rows[tuple[str, UUID, str], Withdrawal] = Rows(
            "a withdrawal", self._declares_consent
        )
        self.number_notices: Rows[str, NumberNotice] = Rows(
            "a number notice", self._declares_number
        )

    def _declares_identity(self, key: tuple[str, str, bytes]) -> bool:
        return self._needs is None or key[2] in self._needs.identities

    def _declares_conversation(self, id: str) -> bool:
        declared = self._needs is None or id in self._needs.conversations
        return declared or id in self._message_conversations

    def _declares_message(self, id: UUID) -> bool:
        return (
            self._needs is None or id in self._needs.messages or self._declares_quoted_message(id)
        )

    def _declares_quoted_message(self, id: UUID) -> bool:
        return self._needs is None or id in self._needs.quoted

    def _declares_wamid(self, hash: bytes) -> bool:
        return self._needs is None or hash in self._needs.wamids

    def _declares_early_status(self, hash: bytes) -> bool:
        return self._needs is None or hash in self._needs.early

    def _declares_charge(self, _: UUID) -> bool:
        return self._needs is None or self._needs.charges or bool(self._needs.early)

    def _declares_opt_out(self, _: tuple[str, UUID, str]) -> bool:
        return self._needs is None or bool(self._needs.templates)

    def _declares_consent(self, _: tuple[str, UUID, str]) -> bool:
        return self._needs is None or self._needs.consents

    def _declares_number(self, id: str) -> bool:
        return self._needs is None or id in self._needs.numbers

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
        for outgoing in filter(None, (changes.outgoing, changes.reopen_message)):
            self.add_outgoing(outgoing)
        if changes.early_status:
            self.add_early_status(changes.early_status)
        if changes.early_status_consumed:
            self.early_statuses.pop(changes.early_status_consumed, None)
        if changes.charge:
            self.charges[changes.charge.id] = changes.charge

    def add_identity(self, identity: Identity) -> None:
        if identity.valid_to:
            self.identities.pop(identity.key, None)
        else:
            self.identities[identity.key] = identity
            self.people.setdefault(identity.person, []).append(identity)

    def identities_of(self, person: UUID) -> list[Identity]:
        """Return the present identities of this person."""
        return [
            identity
            for identity in self.people.get(person, ())
            if self.identities.get(identity.key) == identity
        ]

    def add_conversation(self, conversation: Conversation) -> None:
        self.conversations[conversation.id] = conversation
        key = conversation.number, conversation.person
        if at := conversation.last_inbound_at:
            self.record_inbound(conversation.person, at)
        if conversation.closed_at is None:
            self.open[key] = conversation.id
            return
        if self.open.get(key) == conversation.id:
            del self.open[key]
        other = self.conversations.get(self.closed.get(key, ""))
        if not (other and other.closed_at and other.closed_at > conversation.closed_at):
            self.closed[key] = conversation.id

    def record_inbound(self, person: UUID, at: datetime) -> None:
        self.last_heard[person] = max(at, self.last_heard.get(person, at))

    def add_outgoing(self, outgoing: OutgoingStatus) -> None:
        self.outgoing[outgoing.id] = outgoing
        self._message_conversations.add(outgoing.conversation)
        if outgoing.wamid_hash:
            self.message_by_wamid[outgoing.wamid_hash] = outgoing.id

    def add_early_status(self, status: EarlyStatus) -> None:
        self.early_statuses.setdefault(status.wamid_hash, []).append(status)

    def templates_named(self, name: str, language: str) -> list[Template]:
        """Templates of every account by this name."""
        if self._needs is not None and (name, language) not in self._needs.templates:
            raise NotLoaded("a template was read that no handler declared")
        return [t for t in self.templates.values() if (t.name, t.language) == (name, language)]

    def add_template(self, template: Template) -> None:
        previous = self.templates.get(template.key)
        self.templates[template.key] = previous.apply_notice(template) if previous else template

    def add_opt_out(self, choice: OptOut) -> None:
        # Not `get`: a citizen's choice is recorded without reading the one previous.
        previous = dict.get(self.opt_outs, choice.key)
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
        if self._needs is not None and not self._needs.consents:
            raise NotLoaded("consents were read that no handler declared")
        person_key = tenant, person
        return [c for c in self.consents.values() if (c.tenant, c.person) == person_key]
