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
        self.early_statuses: dict[bytes, list[EarlyStatus]] = {}
        self.charges: dict[UUID, Charge] = {}
        self.inbound: dict[UUID, InboundRef] = {}
        self.templates: dict[tuple[str, str, str], Template] = {}
        self.opt_outs: dict[tuple[str, UUID, str], OptOut] = {}
        self.consents: dict[tuple[str, UUID, str], Consent] = {}
        self.withdrawals: dict[tuple[str, UUID, str], Withdrawal] = {}
        self.number_notices: dict[str, NumberNotice] = {}

    def apply(self, changes: Changes) -> None:
        for identity in changes.identities:
            self.add_identity(identity)
        for conversation in filter(None, (changes.merged_conversation, changes.conversation)):
            self.add_conversation(conversation)
        if heard := changes.inbound:
            self.inbound[heard.message] = heard
        self._apply_outgoing(changes)
        if changes.template:
            self.add_template(changes.template)
        if changes.opt_out:
            self.add_opt_out(changes.opt_out)
        self._apply_consents(changes)
        if changes.number_notice:
            self.number_notices[changes.number_notice.number] = changes.number_notice

    def _apply_outgoing(self, changes: Changes) -> None:
        """Of a message of ours."""
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
        """By which this person is known now."""
        theirs = self.people.get(person, ())
        return [identity for identity in theirs if self.identities.get(identity.key) == identity]

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
        if outgoing.wamid_hash:
            self.by_wamid[outgoing.wamid_hash] = outgoing.id

    def add_early_status(self, status: EarlyStatus) -> None:
        self.early_statuses.setdefault(status.wamid_hash, []).append(status)

    def add_template(self, template: Template) -> None:
        before = self.templates.get(template.key)
        self.templates[template.key] = before.apply_notice(template) if before else template

    def add_opt_out(self, choice: OptOut) -> None:
        before = self.opt_outs.get(choice.key)
        if before is None or before.at <= choice.at:
            self.opt_outs[choice.key] = choice

    def _apply_consents(self, changes: Changes) -> None:
        if consent := changes.consent:
            self.consents[consent.key] = consent
        for withdrawal in changes.withdrawals:
            self.add_withdrawal(withdrawal)

    def add_withdrawal(self, new: Withdrawal) -> None:
        """All consent from before has ended."""
        before = self.withdrawals.get(new.key)
        if before is None or before.at < new.at:
            self.withdrawals[new.key] = new
        for consent in self.consents_of(new.tenant, new.person):
            if consent.ended_at is None and consent.given_at <= new.at:
                self.consents[consent.key] = consent.end(new.at, new.by)

    def consents_of(self, tenant: str, person: UUID) -> list[Consent]:
        whose = tenant, person
        return [c for c in self.consents.values() if (c.tenant, c.person) == whose]
