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
    digits,
)
from deliverer.destinations.openklant.payloads import PayloadOptions
from deliverer.destinations.openklant.store import Contact, OutgoingRef, SagaStore

TOGETHER, CONTACTS = "maak-klantcontact", "klantcontacten"
PARTIES, ADDRESSES = "betrokkenen", "digitaleadressen"
LINKS, SUBJECTS = "actorklantcontacten", "onderwerpobjecten"
Body = Callable[[payloads.ContactKey, PayloadOptions], Json]


class Contacts:
    def __init__(self, terms: PayloadOptions, book: SagaStore, actors: Actors) -> None:
        self._terms, self._book, self._actors = terms, book, actors

    async def whole(self, at: DeliveryContext, contact: Contact) -> Contact:
        """A citizen's, made, and everything that hangs on it; made again where somebody takes it
        away meanwhile."""
        try:
            return await self._whole(at, contact)
        except RequestRefused as refused:
            if not refused.lacks("klantcontact"):
                raise
        return await self.again(at, contact)

    async def again(self, at: DeliveryContext, contact: Contact) -> Contact:
        """Another in the place of one that was taken away."""
        return await self._whole(at, await self._book.renumber(contact))

    async def _whole(self, at: DeliveryContext, contact: Contact) -> Contact:
        doubt = not contact.fresh
        if contact.klantcontact is None:
            contact = await self._made(at, contact, partial(payloads.contact, at.delivery, at.said))
        if not contact.addressed:
            if contact.betrokkene:
                await self._address(at, str(contact.betrokkene), doubt)
            await self._book.set_linked(contact, addressed=True, linked=False)
        if not contact.linked:
            await self._link(at, contact, payloads.OURS, doubt=doubt)
            await self._book.set_linked(contact, addressed=True, linked=True)
        return contact

    async def lengthened(self, at: DeliveryContext, contact: Contact) -> bool:
        """Whether it is there; it has this message then."""
        there = await at.calls.get(CONTACTS, str(contact.klantcontact))
        if there is None:
            return False
        if change := payloads.extend_contact(at.delivery, at.said, there, self._terms):
            await at.calls.patch(CONTACTS, there["uuid"], change)
        return True

    async def answering(
        self, at: DeliveryContext, answer: Contact, written: OutgoingRef, question: Contact
    ) -> Contact:
        """An employee's, made, and referring to the question."""
        doubt = not answer.fresh
        if answer.klantcontact is None:
            body = partial(payloads.answer, at.delivery, written.content)
            answer = await self._made(at, answer, body)
        if not answer.linked:
            await self._link(at, answer, payloads.employee(written.author), doubt=doubt)
            await self._book.set_linked(answer, addressed=False, linked=True)
        await self._refer(at, answer, question, doubt)
        return answer

    async def _made(self, at: DeliveryContext, contact: Contact, body: Body) -> Contact:
        async def post(row: Contact) -> Json:
            known = payloads.ContactKey(digits(row.number), str(row.event))
            return await at.calls.post(TOGETHER, body(known, self._terms))

        contact, made = await create_numbered(
            contact, post, partial(_ours, at.calls), self._book.renumber
        )
        party = made["betrokkene"]
        ids = UUID(made["klantcontact"]["uuid"]), UUID(party["uuid"]) if party else None
        return await self._book.set_created(contact, *ids)

    async def _address(self, at: DeliveryContext, party: str, doubt: bool) -> None:
        body = payloads.address(at.said, party)
        if body is None:
            return
        try:
            await create_once(
                lambda: at.calls.post(ADDRESSES, body),
                lambda: at.calls.find(ADDRESSES, verstrektDoorBetrokkene__uuid=party),
                doubt=doubt,
            )
        except RequestRefused as refused:  # unless there is nobody any more whose it is
            if not refused.lacks("verstrektDoorBetrokkene"):
                raise

    async def _link(
        self, at: DeliveryContext, contact: Contact, whose: Json, *, doubt: bool
    ) -> None:
        """Who registered it, or answered."""
        uuid = str(contact.klantcontact)

        async def linked(actor: str) -> Json:
            body = {"actor": {"uuid": actor}, "klantcontact": {"uuid": uuid}}
            return await create_once(
                lambda: at.calls.post(LINKS, body),
                lambda: at.calls.find(LINKS, actor__uuid=actor, klantcontact__uuid=uuid),
                doubt=doubt,
            )

        await self._actors.acting(at.calls, whose, linked)

    async def _refer(
        self, at: DeliveryContext, answer: Contact, question: Contact, doubt: bool
    ) -> None:
        one, other = str(answer.klantcontact), str(question.klantcontact)
        body = {"klantcontact": {"uuid": one}, "wasKlantcontact": {"uuid": other}}
        try:
            await create_once(
                lambda: at.calls.post(SUBJECTS, body),
                lambda: at.calls.find(SUBJECTS, klantcontact__uuid=one),
                doubt=doubt,
            )
        except RequestRefused as refused:  # unless the question was taken away
            if not refused.lacks("wasKlantcontact"):
                raise


async def _ours(calls: OpenKlantClient, contact: Contact) -> Json | None:
    """The contact of this number, and its party, if nobody took that away; Taken where it is not
    the one that we made."""
    there = await calls.find(CONTACTS, referentienummer=digits(contact.number))
    if there is None:
        return None
    if (there.get("metadata") or {}).get("gebeurtenis") != str(contact.event):
        raise NumberTaken
    party = await calls.find(PARTIES, hadKlantcontact__uuid=there["uuid"])
    return {"klantcontact": there, "betrokkene": party}
