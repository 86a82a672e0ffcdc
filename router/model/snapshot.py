"""Records on which the decisions of one batch rest; it grows as its units are decided. Pure."""

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
        """Conversation with this person that was closed last."""
        self.last_heard: dict[UUID, datetime] = {}
        """Time of a person's last message to any number; complete only for people whose consents
        were loaded."""
        self.outgoing: dict[UUID, OutgoingStatus] = {}
        self.message_by_wamid: dict[bytes, UUID] = {}
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
        if outgoing.wamid_hash:
            self.message_by_wamid[outgoing.wamid_hash] = outgoing.id

    def add_early_status(self, status: EarlyStatus) -> None:
        self.early_statuses.setdefault(status.wamid_hash, []).append(status)

    def add_template(self, template: Template) -> None:
        previous = self.templates.get(template.key)
        self.templates[template.key] = previous.apply_notice(template) if previous else template

    def add_opt_out(self, choice: OptOut) -> None:
        previous = self.opt_outs.get(choice.key)
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
        person_key = tenant, person
        return [c for c in self.consents.values() if (c.tenant, c.person) == person_key]
