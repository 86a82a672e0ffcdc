"""Erases one contact of a destroyed conversation, with the answers to it that ITA made.

Its telephone numbers go first: when their contact is deleted they stay, and are nobody's. Then the
answers go, the last of the chain first, and the contact itself last: so what is left is found again
if the work breaks off anywhere. Only what stays is remembered between two attempts.
"""

from collections.abc import Iterable

from deliverer.destinations.openklant.client import (
    ADDRESSES,
    CONTACTS,
    PARTIES,
    SUBJECTS,
    TASKS,
    Json,
    OpenKlantClient,
)
from deliverer.destinations.openklant.erasure.contact_chain import (
    EMPTIED,
    Fate,
    SeenContact,
    decide_chain,
    is_ours,
    referred,
    referring,
    zaak_references,
)
from deliverer.destinations.openklant.erasure.erasure_store import ContactErasure, ErasureStore

ATTACHMENTS = "bijlagen"
PAGE, MAX_PAGES = "100", 10
"""Objects of a page, and pages, of whatever belongs to one contact."""
MAX_CHAIN = 200
"""Contacts of one chain: as many as the poller reads about a question."""
PARTS = {
    "hadBetrokkenen": PARTIES,
    "leiddeTotInterneTaken": TASKS,
    "omvatteBijlagen": ATTACHMENTS,
}
"""Field of a contact -> resource of the objects in it."""


class TooLong(Exception):
    """More belongs to one contact than any town hall would write about it."""


async def erase_contact(
    calls: OpenKlantClient, store: ErasureStore, erasure: ContactErasure
) -> list[str]:
    """Delete a contact and its answers; return what stays, each with its reason."""
    if store.is_forged(erasure):
        return [f"{CONTACTS}/{erasure.klantcontact} row_shut"]
    eraser = _Eraser(calls, store, erasure)
    try:
        return await eraser.erase()
    except TooLong:
        return [*eraser.kept, f"{CONTACTS}/{erasure.klantcontact} too_long"]


class _Eraser:
    def __init__(
        self, calls: OpenKlantClient, store: ErasureStore, erasure: ContactErasure
    ) -> None:
        self._calls, self._store, self._erasure = calls, store, erasure
        self.kept: list[str] = []
        self._parties: set[str] = {str(erasure.betrokkene)} if erasure.betrokkene else set()
        """Parties of the contacts that go."""

    async def erase(self) -> list[str]:
        fate = decide_chain(await self._read_chain())
        goes = [*fate.emptied, *fate.deleted]
        addresses = await self._read_addresses(goes)
        zaken = [each for uuid in goes for each in await self._read_zaken(uuid)]
        self._keep_all(fate, addresses, zaken)
        # Once the first of them is gone, nothing leads to what stays.
        await self._store.note_kept(self._erasure, self.kept)
        for one in addresses:
            if is_ours(one, self._parties):
                await self._calls.delete(ADDRESSES, str(one["uuid"]))
        for reference in zaken:
            await self._calls.patch(SUBJECTS, reference, {"klantcontact": None})
        for uuid in goes:
            await (
                self._empty(uuid) if uuid in fate.emptied else self._calls.delete(CONTACTS, uuid)
            )
            await self._store.keep_turn(self._erasure)
        return self.kept

    def _keep_all(self, fate: Fate, addresses: Iterable[Json], zaken: Iterable[str]) -> None:
        """Name what stays."""
        others = [str(one["uuid"]) for one in addresses if not is_ours(one, self._parties)]
        self._keep(ADDRESSES, others, "of_a_partij")
        # They say the zaak, and nothing of the citizen.
        self._keep(SUBJECTS, zaken, "zaak")
        self._keep(CONTACTS, fate.emptied, "referred_to")
        for uuid, reason in fate.kept.items():
            self._keep(CONTACTS, [uuid], reason)

    async def _read_chain(self) -> list[SeenContact]:
        """Read the contact, what was registered about it, and what refers to any of them."""
        root = await self._find_contact()
        known = [*([root] if root else []), *self._store.registered(self._erasure)]
        seen = {uuid: SeenContact(uuid, is_known=True) for uuid in known}
        to_read = known[::-1]
        while to_read:
            found = referring(await self._list(SUBJECTS, wasKlantcontact__uuid=to_read.pop()))
            new = [uuid for uuid in found if uuid not in seen]
            owners = await self._store.find_owners(self._erasure, new)
            for uuid in new:
                subjects = await self._list(SUBJECTS, klantcontact__uuid=uuid)
                contact = SeenContact(uuid, owners.get(uuid, ""), referred(subjects))
                if not contact.owner:
                    contact = contact._replace(has_task=await self._has_task(uuid))
                    to_read.append(uuid)
                seen[uuid] = contact
            if len(seen) > MAX_CHAIN:
                raise TooLong
            await self._store.keep_turn(self._erasure)
        return list(seen.values())

    async def _find_contact(self) -> str | None:
        """Return Open Klant's id of the contact; if it is not known, of the one with its mark."""
        if self._erasure.klantcontact:
            return str(self._erasure.klantcontact)
        mark = {"onderwerpobject__onderwerpobjectidentificatorObjectId": str(self._erasure.event)}
        remote = await self._calls.find(CONTACTS, **mark)
        return str(remote["uuid"]) if remote else None

    async def _has_task(self, uuid: str) -> bool:
        return await self._calls.find(TASKS, aanleidinggevendKlantcontact__uuid=uuid) is not None

    async def _read_addresses(self, contacts: Iterable[str]) -> list[Json]:
        """Return the addresses of the parties of these contacts, and those that we created:
        somebody may have deleted their party."""
        found = dict[str, Json]()
        for contact in contacts:
            for party in await self._list(PARTIES, hadKlantcontact__uuid=contact):
                uuid = str(party["uuid"])
                self._parties.add(uuid)
                held = await self._list(ADDRESSES, verstrektDoorBetrokkene__uuid=uuid)
                found |= {str(one["uuid"]): one for one in held}
        for uuid in map(str, self._erasure.addresses):
            if uuid not in found:
                one = await self._calls.get(ADDRESSES, uuid, certain=True)
                found |= {uuid: one} if one else {}
        return list(found.values())

    async def _read_zaken(self, uuid: str) -> list[str]:
        return zaak_references(await self._list(SUBJECTS, klantcontact__uuid=uuid))

    async def _empty(self, uuid: str) -> None:
        """Leave nothing of a contact but that it was one: another refers to it."""
        if remote := await self._calls.get(CONTACTS, uuid, certain=True):
            await self._calls.patch(CONTACTS, uuid, EMPTIED)
            for field, resource in PARTS.items():
                for one in remote.get(field) or []:
                    await self._calls.delete(resource, str(one["uuid"]))

    async def _list(self, resource: str, **filters: str) -> list[Json]:
        """Return all matches. Raises TooLong."""
        found: list[Json] = []
        for page in range(1, MAX_PAGES + 1):
            pages = {"pageSize": PAGE, "page": str(page)}
            results, has_next = await self._calls.list_page(resource, **pages, **filters)
            found += results
            if not has_next:
                return found
        raise TooLong

    def _keep(self, resource: str, uuids: Iterable[str], reason: str) -> None:
        self.kept += [f"{resource}/{uuid} {reason}" for uuid in uuids]
