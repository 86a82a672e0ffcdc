"""What is known of the units of one batch; grows as they are decided. Pure."""

from uuid import UUID

from router.decisions import (
    Changes,
    Conversation,
    Decision,
    Heard,
    Identity,
    OptOut,
    Outgoing,
    Template,
)


class Knowledge:
    def __init__(self) -> None:
        self.decided: dict[bytes, tuple[UUID, Decision]] = {}
        self.identities: dict[tuple[str, str, bytes], Identity] = {}
        self.people: dict[UUID, list[Identity]] = {}
        self.conversations: dict[str, Conversation] = {}
        self.open: dict[tuple[str, UUID], str] = {}
        self.outgoing: dict[UUID, Outgoing] = {}
        self.by_wamid: dict[bytes, UUID] = {}
        self.heard: dict[UUID, Heard] = {}
        self.templates: dict[tuple[str, str, str], Template] = {}
        self.opt_outs: dict[tuple[str, UUID, str], OptOut] = {}

    def learn(self, changes: Changes) -> None:
        for identity in changes.identities:
            self.identity(identity)
        if conversation := changes.conversation:
            self.conversation(conversation)
        if outgoing := changes.outgoing:
            self.sent(outgoing)
        if heard := changes.heard:
            self.heard[heard.message] = heard
        if changes.template:
            self.template(changes.template)
        if changes.opt_out:
            self.opted(changes.opt_out)

    def identity(self, identity: Identity) -> None:
        if identity.valid_to:
            self.identities.pop(identity.key, None)
        else:
            self.identities[identity.key] = identity
            self.people.setdefault(identity.person, []).append(identity)

    def names(self, person: UUID) -> list[Identity]:
        """By which this person is known now."""
        theirs = self.people.get(person, ())
        return [identity for identity in theirs if self.identities.get(identity.key) == identity]

    def conversation(self, conversation: Conversation) -> None:
        self.conversations[conversation.id] = conversation
        key = conversation.number, conversation.person
        if conversation.closed_at is None:
            self.open[key] = conversation.id
        elif self.open.get(key) == conversation.id:
            del self.open[key]

    def sent(self, outgoing: Outgoing) -> None:
        self.outgoing[outgoing.id] = outgoing
        if outgoing.wamid_hash:
            self.by_wamid[outgoing.wamid_hash] = outgoing.id

    def template(self, template: Template) -> None:
        before = self.templates.get(template.key)
        self.templates[template.key] = before.then(template) if before else template

    def opted(self, choice: OptOut) -> None:
        before = self.opt_outs.get(choice.key)
        if before is None or before.at <= choice.at:
            self.opt_outs[choice.key] = choice
