"""Contacts of an Open Klant, and what hangs on each: made once, and found again."""

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

    async def complete(self, at: DeliveryContext, contact: Contact) -> Contact:
        """A citizen's, made, and everything that hangs on it; made again where somebody takes it
        away meanwhile."""
        try:
            return await self._complete(at, contact)
        except RequestRefused as refused:
            if not refused.is_missing("klantcontact"):
                raise
        return await self.recreate(at, contact)

    async def recreate(self, at: DeliveryContext, contact: Contact) -> Contact:
        """Another in the place of one that was taken away."""
        return await self._complete(at, await self._store.renumber(contact))

    async def _complete(self, at: DeliveryContext, contact: Contact) -> Contact:
        may_exist = not contact.fresh
        if contact.klantcontact is None:
            contact = await self._create(at, contact, partial(payloads.contact_payload, at.delivery, at.event))
        if not contact.addressed:
            if contact.betrokkene:
                await self._add_address(at, str(contact.betrokkene), may_exist)
            await self._store.set_linked(contact, addressed=True, linked=False)
        if not contact.linked:
            await self._link_actor(at, contact, payloads.POSTKAMER_ACTOR, doubt=may_exist)
            await self._store.set_linked(contact, addressed=True, linked=True)
        return contact

    async def extend(self, at: DeliveryContext, contact: Contact) -> bool:
        """Whether it is there; it has this message then."""
        remote = await at.calls.get(CONTACTS, str(contact.klantcontact))
        if remote is None:
            return False
        if change := payloads.extend_contact(at.delivery, at.event, remote, self._options):
            await at.calls.patch(CONTACTS, remote["uuid"], change)
        return True

    async def complete_answer(
        self, at: DeliveryContext, answer: Contact, outgoing: OutgoingRef, question: Contact
    ) -> Contact:
        """An employee's, made, and referring to the question."""
        may_exist = not answer.fresh
        if answer.klantcontact is None:
            body = partial(payloads.answer_payload, at.delivery, outgoing.content)
            answer = await self._create(at, answer, body)
        if not answer.linked:
            await self._link_actor(at, answer, payloads.employee_actor(outgoing.author), doubt=may_exist)
            await self._store.set_linked(answer, addressed=False, linked=True)
        await self._refer_to_question(at, answer, question, may_exist)
        return answer

    async def _create(self, at: DeliveryContext, contact: Contact, body: Body) -> Contact:
        async def post(row: Contact) -> Json:
            key = payloads.ContactKey(format_number(row.number), str(row.event))
            return await at.calls.post(CREATE_CONTACT, body(key, self._options))

        contact, made = await create_numbered(
            contact, post, partial(_find_own, at.calls), self._store.renumber
        )
        party = created["betrokkene"]
        ids = UUID(created["klantcontact"]["uuid"]), UUID(party["uuid"]) if party else None
        return await self._store.set_created(contact, *ids)

    async def _add_address(self, at: DeliveryContext, party: str, doubt: bool) -> None:
        body = payloads.address_payload(at.event, party)
        if body is None:
            return
        try:
            await create_once(
                lambda: at.calls.post(ADDRESSES, body),
                lambda: at.calls.find(ADDRESSES, verstrektDoorBetrokkene__uuid=party),
                may_exist=doubt,
            )
        except RequestRefused as refused:  # unless there is nobody any more whose it is
            if not refused.is_missing("verstrektDoorBetrokkene"):
                raise

    async def _link_actor(
        self, at: DeliveryContext, contact: Contact, actor: Json, *, doubt: bool
    ) -> None:
        """Who registered it, or answered."""
        uuid = str(contact.klantcontact)

        async def link(actor: str) -> Json:
            body = {"actor": {"uuid": actor}, "klantcontact": {"uuid": uuid}}
            return await create_once(
                lambda: at.calls.post(LINKS, body),
                lambda: at.calls.find(LINKS, actor__uuid=actor, klantcontact__uuid=uuid),
                may_exist=doubt,
            )

        await self._actors.act_as(at.calls, actor, link)

    async def _refer_to_question(
        self, at: DeliveryContext, answer: Contact, question: Contact, doubt: bool
    ) -> None:
        answer_id, other = str(answer.klantcontact), str(question.klantcontact)
        body = {"klantcontact": {"uuid": answer_id}, "wasKlantcontact": {"uuid": question_id}}
        try:
            await create_once(
                lambda: at.calls.post(SUBJECTS, body),
                lambda: at.calls.find(SUBJECTS, klantcontact__uuid=answer_id),
                may_exist=doubt,
            )
        except RequestRefused as refused:  # unless the question was taken away
            if not refused.is_missing("wasKlantcontact"):
                raise


async def _find_own(calls: OpenKlantClient, contact: Contact) -> Json | None:
    """The contact of this number, and its party, if nobody took that away; Taken where it is not
    the one that we made."""
    remote = await calls.find(CONTACTS, referentienummer=format_number(contact.number))
    if remote is None:
        return None
    if (remote.get("metadata") or {}).get("gebeurtenis") != str(contact.event):
        raise NumberTaken
    party = await calls.find(PARTIES, hadKlantcontact__uuid=remote["uuid"])
    return {"klantcontact": remote, "betrokkene": party}
