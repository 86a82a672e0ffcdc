"""Contacts of an Open Klant and the objects attached to them: created once, and found again.

A contact carries a mark of ours, an onderwerpobject, that is created together with it. By it the
contact is found again on every version, also if its answer was lost.
"""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from deliverer.destinations.openklant import contact_text, payloads
from deliverer.destinations.openklant.actors import Actors
from deliverer.destinations.openklant.client import (
    ADDRESSES,
    CONTACTS,
    CREATE_CONTACT,
    LINKS,
    PARTIES,
    SUBJECTS,
    Json,
    OpenKlantClient,
    RequestRefused,
)
from deliverer.destinations.openklant.events import PayloadOptions
from deliverer.destinations.openklant.idempotent_call import (
    DeliveryContext,
    NumberedCalls,
    create_numbered,
    create_once,
    numbers,
    post_numbered,
)
from deliverer.destinations.openklant.store import Contact, OutgoingRef, SagaStore

Body = Callable[[payloads.ContactNumber, PayloadOptions], Json]


class Contacts:
    def __init__(self, options: PayloadOptions, store: SagaStore, actors: Actors) -> None:
        self._options, self._store, self._actors = options, store, actors

    async def complete(self, context: DeliveryContext, contact: Contact) -> Contact:
        """Create the contact of a citizen with its addresses, actor and zaak, as far as they are
        missing. Recreate it if it is deleted meanwhile."""
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
            body = partial(payloads.contact_payload, context.delivery, context.event)
            contact = await self._create(context, contact, body)
        if not contact.addressed:
            if contact.betrokkene:
                party = str(contact.betrokkene)
                addresses = await self._add_addresses(context, party, may_exist)
                await self._store.add_addresses(contact, addresses)
            contact = await self._store.set_linked(contact, addressed=True, linked=False)
        if not contact.linked:
            await self._link_actor(context, contact, payloads.POSTKAMER_ACTOR, may_exist=may_exist)
            contact = await self._store.set_linked(contact, addressed=True, linked=True)
        return await self.link_case(context, contact)

    async def extend(self, context: DeliveryContext, contact: Contact) -> bool:
        """Add the message to the text of the contact. False if the contact was deleted.

        The length of the text before is stored first: a text of another length has the message.
        """
        remote = await context.calls.get(CONTACTS, str(contact.klantcontact))
        if remote is None:
            return False
        delivery, previous = context.delivery, remote.get("inhoud") or ""
        if contact.adding == delivery.id and len(previous) != contact.adding_to:
            return True
        addition = contact_text.describe_message(delivery, context.event, self._options)
        url = contact_text.conversation_url(delivery, self._options)
        whole = contact_text.extend_text(previous, addition, url)
        change: Json = {"inhoud": whole} if whole != previous else {}
        if not remote.get("nummer"):
            change |= numbers(contact.number)
        if change:
            await self._store.start_adding(contact, delivery.id, len(previous))
            await context.calls.patch(CONTACTS, remote["uuid"], change)
        return True

    async def seclude(self, context: DeliveryContext, contact: Contact) -> None:
        """Leave nothing that lists and logs show: a confidential department has the contact now."""
        remote = await context.calls.get(CONTACTS, str(contact.klantcontact))
        if remote and not remote["vertrouwelijk"]:
            change = {"onderwerp": contact_text.NEUTRAL_SUBJECT, "vertrouwelijk": True}
            await context.calls.patch(CONTACTS, remote["uuid"], change)

    async def link_case(self, context: DeliveryContext, contact: Contact) -> Contact:
        """Refer to the zaak of the conversation. One that an employee linked instead stays."""
        case = payloads.case_id(context.event.zaak, self._options.cases_url)
        if not case or case == contact.zaak or contact.klantcontact is None:
            return contact
        uuid, calls = str(contact.klantcontact), context.calls
        kind = {"onderwerpobjectidentificatorCodeObjecttype": payloads.CASE_CODES[0]}
        existing = await calls.find(SUBJECTS, klantcontact__uuid=uuid, **kind)
        body = payloads.case_payload(uuid, case)
        if existing is None:
            await calls.post(SUBJECTS, body)
        elif existing["onderwerpobjectidentificator"]["objectId"] == contact.zaak:
            await calls.patch(SUBJECTS, existing["uuid"], body)
        return await self._store.set_zaak(contact, case)

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
            answer = await self._store.set_linked(answer, addressed=False, linked=True)
        await self._refer_to_question(context, answer, question, may_exist)
        return answer

    async def _create(self, context: DeliveryContext, contact: Contact, body: Body) -> Contact:
        calls = context.calls

        async def post(row: Contact) -> Json:
            async def create(fields: Json) -> Json:
                number = payloads.ContactNumber(row.event, fields)
                return await calls.post(CREATE_CONTACT, body(number, self._options))

            return await post_numbered(calls, self._store, row, create)

        async def give_number(row: Contact, created: Json) -> Json:
            if not created["klantcontact"].get("nummer"):
                uuid = created["klantcontact"]["uuid"]
                await calls.patch(CONTACTS, uuid, numbers(row.number))
            return created

        find = partial(_find_marked, calls)
        created_by = NumberedCalls(post, find, give_number, self._store.renumber)
        contact, created = await create_numbered(contact, created_by)
        party = created["betrokkene"]
        ids = UUID(created["klantcontact"]["uuid"]), UUID(party["uuid"]) if party else None
        return await self._store.set_created(contact, *ids)

    async def _add_addresses(
        self, context: DeliveryContext, party: str, may_exist: bool
    ) -> list[str]:
        """Create the addresses of the citizen; return Open Klant's ids of them."""
        calls, added = context.calls, list[str]()

        async def find(value: str) -> Json | None:
            # Compared here: no number may stand in an address.
            held, _ = await calls.list_page(ADDRESSES, verstrektDoorBetrokkene__uuid=party)
            return next((one for one in held if one["adres"] == value), None)

        for body in payloads.address_payloads(context.event, party):
            try:
                created = await create_once(
                    partial(calls.post, ADDRESSES, body),
                    partial(find, body["adres"]),
                    may_exist=may_exist,
                )
                added.append(str(created["uuid"]))
            except RequestRefused as refused:  # if the party was deleted, there is nothing to do
                if not refused.is_missing("verstrektDoorBetrokkene"):
                    raise
        return added

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
        """Refer to the question, without an identification: by that ITA chains its own answers."""
        answer_id, question_id = str(answer.klantcontact), str(question.klantcontact)
        body = {"klantcontact": {"uuid": answer_id}, "wasKlantcontact": {"uuid": question_id}}
        filters = {"klantcontact__uuid": answer_id, "wasKlantcontact__uuid": question_id}
        try:
            await create_once(
                lambda: context.calls.post(SUBJECTS, body),
                lambda: context.calls.find(SUBJECTS, **filters),
                may_exist=may_exist,
            )
        except RequestRefused as refused:  # if the question was deleted, there is nothing to do
            if not refused.is_missing("wasKlantcontact"):
                raise


async def _find_marked(calls: OpenKlantClient, contact: Contact) -> Json | None:
    """Return the contact with our mark, and its party unless that was deleted."""
    mark = {"onderwerpobject__onderwerpobjectidentificatorObjectId": str(contact.event)}
    remote = await calls.find(CONTACTS, **mark)
    if remote is None:
        return None
    party = await calls.find(PARTIES, hadKlantcontact__uuid=remote["uuid"])
    return {"klantcontact": remote, "betrokkene": party}
