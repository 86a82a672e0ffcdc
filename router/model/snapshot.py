"""What is known of the units of one batch; grows as they are decided. Pure."""

from datetime import datetime
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


class Snapshot:
    def __init__(self) -> None:
        self.decided: dict[bytes, tuple[UUID, Decision]] = {}
        self.identities: dict[tuple[str, str, bytes], Identity] = {}
        self.people: dict[UUID, list[Identity]] = {}
        self.conversations: dict[str, Conversation] = {}
        self.open: dict[tuple[str, UUID], str] = {}
        self.closed: dict[tuple[str, UUID], str] = {}
        """The one that was closed last."""
        self.last_heard: dict[UUID, datetime] = {}
        """When a person last wrote, to any number that was asked about."""
        self.outgoing: dict[UUID, OutgoingStatus] = {}
        self.by_wamid: dict[bytes, UUID] = {}
        self.early: dict[bytes, list[EarlyStatus]] = {}
        self.charges: dict[UUID, Charge] = {}
        self.heard: dict[UUID, InboundRef] = {}
        self.templates: dict[tuple[str, str, str], Template] = {}
        self.opt_outs: dict[tuple[str, UUID, str], OptOut] = {}
        self.consents: dict[tuple[str, UUID, str], Consent] = {}
        self.withdrawals: dict[tuple[str, UUID, str], Withdrawal] = {}
        self.standings: dict[str, NumberNotice] = {}

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
        if outgoing.wamid_hash:
            self.by_wamid[outgoing.wamid_hash] = outgoing.id

    def came_early(self, status: EarlyStatus) -> None:
        self.early.setdefault(status.wamid_hash, []).append(status)

    def template(self, template: Template) -> None:
        before = self.templates.get(template.key)
        self.templates[template.key] = before.then(template) if before else template

    def record_opt_out(self, choice: OptOut) -> None:
        before = self.opt_outs.get(choice.key)
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
        whose = tenant, person
        return [c for c in self.consents.values() if (c.tenant, c.person) == whose]
