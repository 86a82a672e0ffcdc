"""Rows that the decisions of one batch may read; grows as they are decided. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar, overload
from uuid import UUID

from router.billing.charges import Charge
from router.model.consent import Consent, OptOut, Withdrawal
from router.model.conversation import Conversation
from router.model.decision import (
    Changes,
    Decision,
    EarlyStatus,
    Identity,
    InboundRef,
    NumberNotice,
    OutgoingStatus,
    Template,
)
from router.model.needs import Needs, NotLoaded

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class Rows(dict[K, V], Generic[K, V]):
    """Rows of one table by key. A miss of a key that was not declared is NotLoaded, not None."""

    def __init__(self, is_declared: Callable[[K], bool]) -> None:
        super().__init__()
        self._is_declared = is_declared

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
            raise NotLoaded(f"{self._is_declared.__name__} was not declared for a decision")


class Snapshot:
    """Rows by table. With `needs`, reading beyond them raises NotLoaded; without, all is there."""

    def __init__(self, needs: Needs | None = None) -> None:
        self._needs = needs
        self._message_conversations: set[str] = set()
        self.decided: dict[bytes, tuple[UUID, Decision]] = {}
        self.identities: Rows[tuple[str, str, bytes], Identity] = Rows(self._an_identity)
        self.people: dict[UUID, list[Identity]] = {}
        self.conversations: Rows[str, Conversation] = Rows(self._a_conversation)
        self.open: dict[tuple[str, UUID], str] = {}
        self.closed: dict[tuple[str, UUID], str] = {}
        """The one that was closed last."""
        self.last_heard: dict[UUID, datetime] = {}
        """When a person last wrote, to any number that was asked about."""
        self.outgoing: Rows[UUID, OutgoingStatus] = Rows(self._a_message)
        self.by_wamid: Rows[bytes, UUID] = Rows(self._a_wamid)
        self.early: Rows[bytes, list[EarlyStatus]] = Rows(self._an_early_status)
        self.charges: Rows[UUID, Charge] = Rows(self._a_charge)
        self.heard: Rows[UUID, InboundRef] = Rows(self._a_quoted_message)
        self.templates: dict[tuple[str, str, str], Template] = {}
        self.opt_outs: Rows[tuple[str, UUID, str], OptOut] = Rows(self._an_opt_out)
        self.consents: Rows[tuple[str, UUID, str], Consent] = Rows(self._a_consent)
        self.withdrawals: Rows[tuple[str, UUID, str], Withdrawal] = Rows(self._a_consent)
        self.standings: Rows[str, NumberNotice] = Rows(self._a_number)

    def _an_identity(self, key: tuple[str, str, bytes]) -> bool:
        return self._needs is None or key[2] in self._needs.identities

    def _a_conversation(self, id: str) -> bool:
        declared = self._needs is None or id in self._needs.conversations
        return declared or id in self._message_conversations

    def _a_message(self, id: UUID) -> bool:
        return self._needs is None or id in self._needs.messages or self._a_quoted_message(id)

    def _a_quoted_message(self, id: UUID) -> bool:
        return self._needs is None or id in self._needs.quoted

    def _a_wamid(self, hash: bytes) -> bool:
        return self._needs is None or hash in self._needs.wamids

    def _an_early_status(self, hash: bytes) -> bool:
        return self._needs is None or hash in self._needs.early

    def _a_charge(self, _: UUID) -> bool:
        return self._needs is None or self._needs.charges or bool(self._needs.early)

    def _an_opt_out(self, _: tuple[str, UUID, str]) -> bool:
        return self._needs is None or bool(self._needs.templates)

    def _a_consent(self, _: tuple[str, UUID, str]) -> bool:
        return self._needs is None or self._needs.consents

    def _a_number(self, id: str) -> bool:
        return self._needs is None or id in self._needs.numbers

    def apply(self, changes: Changes) -> None:
        for identity in changes.identities:
            self.identity(identity)
        for conversation in filter(None, (changes.merged_conversation, changes.conversation)):
            self.conversation(conversation)
        if heard := changes.heard:
            self.heard[heard.message] = heard
        self._became(changes)
        if changes.template:
            self.template(changes.template)
        if changes.opt_out:
            self.record_opt_out(changes.opt_out)
        self.record_consents(changes)
        if changes.standing:
            self.standings[changes.standing.number] = changes.standing

    def _became(self, changes: Changes) -> None:
        """Of a message of ours."""
        for outgoing in filter(None, (changes.outgoing, changes.reopen_message)):
            self.sent(outgoing)
        if changes.early:
            self.came_early(changes.early)
        if changes.early_status_consumed:
            self.early.pop(changes.early_status_consumed, None)
        if changes.charge:
            self.charges[changes.charge.id] = changes.charge

    def identity(self, identity: Identity) -> None:
        if identity.valid_to:
            self.identities.pop(identity.key, None)
        else:
            self.identities[identity.key] = identity
            self.people.setdefault(identity.person, []).append(identity)

    def identities_of(self, person: UUID) -> list[Identity]:
        """By which this person is known now."""
        theirs = self.people.get(person, ())
        return [identity for identity in theirs if self.identities.get(identity.key) == identity]

    def conversation(self, conversation: Conversation) -> None:
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

    def sent(self, outgoing: OutgoingStatus) -> None:
        self.outgoing[outgoing.id] = outgoing
        self._message_conversations.add(outgoing.conversation)
        if outgoing.wamid_hash:
            self.by_wamid[outgoing.wamid_hash] = outgoing.id

    def came_early(self, status: EarlyStatus) -> None:
        self.early.setdefault(status.wamid_hash, []).append(status)

    def templates_named(self, name: str, language: str) -> list[Template]:
        """Templates of every account by this name."""
        if self._needs is not None and (name, language) not in self._needs.templates:
            raise NotLoaded("a template was not declared for a decision")
        return [t for t in self.templates.values() if (t.name, t.language) == (name, language)]

    def template(self, template: Template) -> None:
        before = self.templates.get(template.key)
        self.templates[template.key] = before.then(template) if before else template

    def record_opt_out(self, choice: OptOut) -> None:
        # Not `get`: a citizen's choice is recorded without reading the one before.
        before = dict.get(self.opt_outs, choice.key)
        if before is None or before.at <= choice.at:
            self.opt_outs[choice.key] = choice

    def record_consents(self, changes: Changes) -> None:
        if consent := changes.consent:
            self.consents[consent.key] = consent
        for withdrawal in changes.withdrawals:
            self.record_withdrawal(withdrawal)

    def record_withdrawal(self, new: Withdrawal) -> None:
        """All consent from before has ended."""
        before = self.withdrawals.get(new.key)
        if before is None or before.at < new.at:
            self.withdrawals[new.key] = new
        for consent in self.consents_of(new.tenant, new.person):
            if consent.ended_at is None and consent.given_at <= new.at:
                self.consents[consent.key] = consent.ended(new.at, new.by)

    def consents_of(self, tenant: str, person: UUID) -> list[Consent]:
        if self._needs is not None and not self._needs.consents:
            raise NotLoaded("consents were not declared for a decision")
        whose = tenant, person
        return [c for c in self.consents.values() if (c.tenant, c.person) == whose]
