"""Contacts of an Open Klant and the objects attached to them: created once, and found again."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.actors import Actors
from deliverer.destinations.openklant.client import Json, OpenKlantClient, RequestRefused
from deliverer.destinations.openklant.idempotent_call import (
    DeliveryContext,
    NumberTaken,
    create_numbered,
    create_once,
    format_number,
)
from deliverer.destinations.openklant.payloads import PayloadOptions
from deliverer.destinations.openklant.store import Contact, OutgoingRef, SagaStore

CREATE_CONTACT, CONTACTS = "maak-klantcontact", "klantcontacten"
PARTIES, ADDRESSES = "betrokkenen", "digitaleadressen"
LINKS, SUBJECTS = "actorklantcontacten", "onderwerpobjecten"
Body = Callable[[payloads.ContactKey, PayloadOptions], Json]


class Contacts:
    def __init__(self, options: PayloadOptions, store: SagaStore, actors: Actors) -> None:
        self._options, self._store, self._actors = options, store, actors

    async def complete(self, context: DeliveryContext, contact: Contact) -> Contact:
        """Create the contact of a citizen with its address and actor, as far as they are missing.
        Recreate it if it is deleted meanwhile."""
        try:
            return await self._complete(context, contact)
        except RequestRefused as refused:
            if not refused.is_missing("klantcontact"):
                raise
        return await self.recreate(context, contact)

    async def recreate(self, context: DeliveryContext, contact: Contact) -> Contact:
        """Replace a deleted contact by a new one."""
        return await self._complete(context, await self._store.renumber(contact))

    async def _complete(self, context: DeliveryContext, contact: Contact) -> Contact:
        may_exist = not contact.fresh
        if contact.klantcontact is None:
            contact = await self._create(
                context, contact, partial(payloads.contact_payload, context.delivery, context.event)
            )
        if not contact.addressed:
            if contact.betrokkene:
                await self._add_address(context, str(contact.betrokkene), may_exist)
            await self._store.set_linked(contact, addressed=True, linked=False)
        if not contact.linked:
            await self._link_actor(context, contact, payloads.POSTKAMER_ACTOR, may_exist=may_exist)
            await self._store.set_linked(contact, addressed=True, linked=True)
        return contact

    async def extend(self, context: DeliveryContext, contact: Contact) -> bool:
        """Add the message to the contact. False if the contact was deleted."""
        remote = await context.calls.get(CONTACTS, str(contact.klantcontact))
        if remote is None:
            return False
        if change := payloads.extend_contact(
            context.delivery, context.event, remote, self._options
        ):
            await context.calls.patch(CONTACTS, remote["uuid"], change)
        return True

    async def complete_answer(
        self, context: DeliveryContext, answer: Contact, outgoing: OutgoingRef, question: Contact
    ) -> Contact:
        """Create the contact of an employee's answer, and its reference to the question."""
        may_exist = not answer.fresh
        if answer.klantcontact is None:
            body = partial(payloads.answer_payload, context.delivery, outgoing.content)
            answer = await self._create(context, answer, body)
        if not answer.linked:
            await self._link_actor(
                context, answer, payloads.employee_actor(outgoing.author), may_exist=may_exist
            )
            await self._store.set_linked(answer, addressed=False, linked=True)
        await self._refer_to_question(context, answer, question, may_exist)
        return answer

    async def _create(self, context: DeliveryContext, contact: Contact, body: Body) -> Contact:
        async def post(row: Contact) -> Json:
            key = payloads.ContactKey(format_number(row.number), str(row.event))
            return await context.calls.post(CREATE_CONTACT, body(key, self._options))

        contact, created = await create_numbered(
            contact, post, partial(_find_own, context.calls), self._store.renumber
        )
        party = created["betrokkene"]
        ids = UUID(created["klantcontact"]["uuid"]), UUID(party["uuid"]) if party else None
        return await self._store.set_created(contact, *ids)

    async def _add_address(self, context: DeliveryContext, party: str, may_exist: bool) -> None:
        body = payloads.address_payload(context.event, party)
        if body is None:
            return
        try:
            await create_once(
                lambda: context.calls.post(ADDRESSES, body),
                lambda: context.calls.find(ADDRESSES, verstrektDoorBetrokkene__uuid=party),
                may_exist=may_exist,
            )
        except RequestRefused as refused:  # if the party was deleted, there is nothing to do
            if not refused.is_missing("verstrektDoorBetrokkene"):
                raise

    async def _link_actor(
        self, context: DeliveryContext, contact: Contact, actor: Json, *, may_exist: bool
    ) -> None:
        """Link the actor who registered the contact, or answered."""
        uuid = str(contact.klantcontact)

        async def link(actor: str) -> Json:
            body = {"actor": {"uuid": actor}, "klantcontact": {"uuid": uuid}}
            return await create_once(
                lambda: context.calls.post(LINKS, body),
                lambda: context.calls.find(LINKS, actor__uuid=actor, klantcontact__uuid=uuid),
                may_exist=may_exist,
            )

        await self._actors.act_as(context.calls, actor, link)

    async def _refer_to_question(
        self, context: DeliveryContext, answer: Contact, question: Contact, may_exist: bool
    ) -> None:
        answer_id, question_id = str(answer.klantcontact), str(question.klantcontact)
        body = {"klantcontact": {"uuid": answer_id}, "wasKlantcontact": {"uuid": question_id}}
        try:
            await create_once(
                lambda: context.calls.post(SUBJECTS, body),
                lambda: context.calls.find(SUBJECTS, klantcontact__uuid=answer_id),
                may_exist=may_exist,
            )
        except RequestRefused as refused:  # if the question was deleted, there is nothing to do
            if not refused.is_missing("wasKlantcontact"):
                raise


async def _find_own(calls: OpenKlantClient, contact: Contact) -> Json | None:
    """Return the contact with this number, and its party unless that was deleted. NumberTaken if
    we did not create that contact."""
    remote = await calls.find(CONTACTS, referentienummer=format_number(contact.number))
    if remote is None:
        return None
    if (remote.get("metadata") or {}).get("gebeurtenis") != str(contact.event):
        raise NumberTaken
    party = await calls.find(PARTIES, hadKlantcontact__uuid=remote["uuid"])
    return {"klantcontact": remote, "betrokkene": party}
