"""Contacts that employees register in ITA on our tasks; some are answers to the citizen.

ITA refers a new contact to the one before it, by an onderwerpobject that it writes last: to the
question, or to the end of the chain of earlier answers. A contact without a reference is not
complete yet.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from deliverer.destinations.openklant.client import (
    CONTACTS,
    ODD_SHAPES,
    SUBJECTS,
    Json,
    OpenKlantClient,
)
from deliverer.destinations.openklant.desk_store import DeskStore, Question, Registration
from deliverer.destinations.openklant.task_status import read_author
from services import clock, metrics

PAGE = "100"
"""Contacts of a page: Open Klant's own default, read in 0.1 s."""
MAX_PAGES = 60
"""Pages of one round, up to one without an answer that is new: 6,000 answers, more than a town hall
gives in days. Those of later pages would not be found."""
MAX_CHAIN = 20
"""Answers to one question. ITA refers each to the one before it."""

log = structlog.get_logger()


class AnswerChannel(NamedTuple):
    """Channel with which employees register answers, and since when; '' sends none."""

    name: str
    since: datetime


class Registrations:
    """Registrations of one destination, read with the calls of one round."""

    def __init__(
        self, destination: str, store: DeskStore, calls: OpenKlantClient, channel: AnswerChannel
    ) -> None:
        self._id, self._store, self._calls, self._channel = destination, store, calls, channel

    async def read_new(self) -> None:
        """Read the contacts with the answer channel that were not read before, the oldest first."""
        if not self._channel.name:
            return
        found: list[tuple[str, str]] = []
        for page in range(1, MAX_PAGES + 1):
            filters = {"kanaal": self._channel.name, "pageSize": PAGE, "page": str(page)}
            contacts, has_next = await self._calls.list_page(CONTACTS, **filters)
            answers = [one for one in contacts if not self._is_earlier(one)]
            known = await self._store.known_registrations([one["uuid"] for one in answers])
            new = [
                (str(one.get("plaatsgevondenOp")), str(one["uuid"]))
                for one in answers
                if one["uuid"] not in known
            ]
            found += new
            if not (new and has_next):
                break
        for _, uuid in sorted(found):
            try:
                await self._read(uuid)
            except ODD_SHAPES:  # the others are read all the same
                ids = {"destination": self._id, "klantcontact": uuid}
                log.error("openklant.strange", count=1, **ids)

    async def read_chain(self, question: Question) -> bool:
        """Read all registrations about a question. True if one of them says that the citizen was
        reached."""
        to_read, is_reached, read = [str(question.klantcontact)], False, set[str]()
        while to_read and len(read) < MAX_CHAIN:
            previous = to_read.pop()
            subjects, _ = await self._calls.list_page(SUBJECTS, wasKlantcontact__uuid=previous)
            for uuid in _referring(subjects, read):
                read.add(uuid)
                to_read.append(uuid)
                contact = await self._calls.get(CONTACTS, uuid)
                if contact is None or not read_author(contact):
                    continue
                is_reached = is_reached or contact.get("indicatieContactGelukt") is True
                await self._add(contact, question)
        return is_reached

    async def _read(self, uuid: str) -> None:
        """Read one contact with the answer channel: about which question of ours is it?"""
        subjects, _ = await self._calls.list_page(SUBJECTS, klantcontact__uuid=uuid)
        previous = _previous(subjects)
        if previous is None:
            return  # ITA has not written the reference yet
        question = await self._find_question(previous)
        if question is None:
            return await self._store.pass_over(uuid)
        # Its actor was written before the reference, perhaps after the page was read.
        whole = await self._calls.get(CONTACTS, uuid)
        if whole is not None:
            await self._add(whole, question)

    async def _find_question(self, klantcontact: str) -> Question | None:
        """Return the question at the begin of a chain; None if it is none of ours."""
        previous: str | None = klantcontact
        for _ in range(MAX_CHAIN):
            if previous is None:
                break
            if question := await self._store.find_question(previous):
                return question
            subjects, _ = await self._calls.list_page(SUBJECTS, klantcontact__uuid=previous)
            previous = _previous(subjects)
        return None

    async def _add(self, contact: Json, question: Question) -> None:
        text = self._text_for_citizen(contact) if question.department else ""
        registration = Registration(
            klantcontact=UUID(contact["uuid"]),
            question=question,
            author=read_author(contact),
            text=text,
        )
        if await self._store.add_registration(registration, clock.new_id()):
            outcome = "sent" if text else "kept"
            metrics.openklant_registrations.labels(destination=self._id, outcome=outcome).inc()

    def _text_for_citizen(self, contact: Json) -> str:
        """Return the text of an answer; '' for a registration that is not sent."""
        is_answer = (
            bool(self._channel.name)
            and contact.get("kanaal") == self._channel.name
            and contact.get("indicatieContactGelukt") is True
            and bool(read_author(contact))
            and datetime.fromisoformat(contact["plaatsgevondenOp"]) >= self._channel.since
        )
        return str(contact.get("inhoud") or "").strip() if is_answer else ""

    def _is_earlier(self, contact: Json) -> bool:
        """True if a contact is from before the setting, so that it need not be read."""
        with suppress(*ODD_SHAPES):
            return datetime.fromisoformat(contact["plaatsgevondenOp"]) < self._channel.since
        return False


def _referring(subjects: Iterable[Json], read: set[str]) -> list[str]:
    """Return the contacts that refer to another, without those that were read."""
    uuids = (str((one.get("klantcontact") or {}).get("uuid") or "") for one in subjects)
    return [uuid for uuid in dict.fromkeys(uuids) if uuid and uuid not in read]


def _previous(subjects: Iterable[Json]) -> str | None:
    """Return the contact to which a contact refers."""
    for one in subjects:
        if previous := (one.get("wasKlantcontact") or {}).get("uuid"):
            return str(previous)
    return None
