"""Contacts that employees register in ITA on our tasks; some are answers to the citizen.

ITA refers a new contact to the one before it, by an onderwerpobject that it writes last: to the
question, or to the end of the chain of earlier answers. A contact without a reference is not
complete yet.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog

from deliverer.destinations.openklant.client import (
    CONTACTS,
    ODD_SHAPES,
    SUBJECTS,
    Json,
    OpenKlantClient,
    RequestRefused,
)
from deliverer.destinations.openklant.desk.desk_store import DeskStore, Question, Registration
from deliverer.destinations.openklant.desk.task_status import UNAVAILABLE_STATUSES, read_author
from services import clock, metrics
from services.postgres.shut_rows import RowShut

PAGE = "100"
"""Contacts of a page: Open Klant's own default, read in 0.1 s."""
MAX_PAGES = 60
"""Pages of one round, up to one without an answer that is new: 6,000 answers, more than a town hall
gives in days. Those of later pages would not be found."""
MAX_CHAIN = 200
"""Registrations about one question. ITA refers each to the one before it."""
MAX_UNREFERENCED = 10_000
"""Contacts without a reference that are remembered: 1 MB."""
READ_SECONDS = 60.0
"""Longest time for the answers of one round, so that tasks that are done have their turn."""
REFERENCE_TIME = timedelta(hours=1)
"""Time in which ITA writes the reference of a contact: it takes seconds. Other programs may use the
same channel, without any reference."""

log = structlog.get_logger()


class AnswerChannel(NamedTuple):
    """Channel with which employees register answers, and since when; '' sends none."""

    name: str
    since: datetime


class Registrations:
    """Registrations of one destination, read with the calls of one round."""

    def __init__(
        self,
        destination: str,
        store: DeskStore,
        calls: OpenKlantClient,
        channel: AnswerChannel,
        unreferenced: Counter[str],
    ) -> None:
        """`unreferenced` counts how often a contact was read without a reference, in all rounds."""
        self._id, self._store, self._calls, self._channel = destination, store, calls, channel
        self._started = clock.now()
        self._unreferenced = unreferenced
        if len(unreferenced) > MAX_UNREFERENCED:
            unreferenced.clear()

    async def read_new(self) -> None:
        """Read the contacts with the answer channel that were not read before, the oldest first."""
        if not self._channel.name:
            return
        found: list[tuple[str, str]] = []
        for page in range(1, MAX_PAGES + 1):
            await self._store.keep_round()
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
        loop = asyncio.get_running_loop()
        end = loop.time() + READ_SECONDS
        # Those that were read before and had no reference come last.
        for written_at, uuid in sorted(found, key=lambda one: (self._unreferenced[one[1]], *one)):
            await self._store.keep_round()
            await self._try_read(uuid, written_at)
            if loop.time() > end:
                break

    async def read_chain(self, question: Question) -> None:
        """Read all registrations about a question that were not read before."""
        to_read, read = [str(question.klantcontact)], set[str]()
        while to_read and len(read) < MAX_CHAIN:
            previous = to_read.pop()
            await self._store.keep_round()
            subjects, _ = await self._calls.list_page(SUBJECTS, wasKlantcontact__uuid=previous)
            referring = _referring(subjects, read)
            known = await self._store.known_registrations(referring)
            for uuid in referring:
                read.add(uuid)
                to_read.append(uuid)
                if uuid not in known and (contact := await self._calls.get(CONTACTS, uuid)):
                    await self._add(contact, question)

    async def _try_read(self, uuid: str, written_at: str) -> None:
        """Read one contact. A refusal or an odd answer about it stops no other."""
        ids = {"destination": self._id, "klantcontact": uuid}
        try:
            await self._read(uuid, written_at)
        except RequestRefused as refused:
            if refused.answer.status in UNAVAILABLE_STATUSES:
                raise
            log.error("openklant.refused", status=refused.answer.status, **ids)
        except ODD_SHAPES:
            log.error("openklant.strange", count=1, **ids)
        except RowShut:  # the store has told it; the contact is read again when its row is mended
            self._unreferenced[uuid] += 1

    async def _read(self, uuid: str, written_at: str) -> None:
        """Read one contact with the answer channel: about which question of ours is it?"""
        subjects, _ = await self._calls.list_page(SUBJECTS, klantcontact__uuid=uuid)
        previous = _previous(subjects)
        if previous is None:
            # ITA has not written the reference yet, or never will.
            self._unreferenced[uuid] += 1
            if datetime.fromisoformat(written_at) < self._started - REFERENCE_TIME:
                await self._store.pass_over(uuid)
            return
        question = await self._find_question(previous)
        if question is None:
            return await self._store.pass_over(uuid)
        if question.rests:
            self._unreferenced[uuid] += 1  # it comes last, and is not read before the move
            return
        # Its actor was written before the reference.
        if contact := await self._calls.get(CONTACTS, uuid):
            await self._add(contact, question)

    async def _find_question(self, klantcontact: str) -> Question | None:
        """Return the question at the begin of a chain; None if it is none of ours."""
        previous: str | None = klantcontact
        for _ in range(MAX_CHAIN):
            if previous is None:
                return None
            if question := await self._store.find_question(previous):
                return question
            subjects, _ = await self._calls.list_page(SUBJECTS, klantcontact__uuid=previous)
            previous = _previous(subjects)
        log.error("openklant.chain", destination=self._id, klantcontact=klantcontact)
        return None

    async def _add(self, contact: Json, question: Question) -> None:
        text = self._text_for_citizen(contact) if question.department else ""
        author = read_author(contact)
        registration = Registration(
            klantcontact=UUID(contact["uuid"]),
            question=question,
            author=author,
            reached=bool(author) and contact.get("indicatieContactGelukt") is True,
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
            and _written_at(contact) >= self._channel.since
        )
        return str(contact.get("inhoud") or "").strip() if is_answer else ""

    def _is_earlier(self, contact: Json) -> bool:
        """True if a contact is from before the setting, so that it need not be read."""
        with suppress(*ODD_SHAPES):
            return _written_at(contact) < self._channel.since
        return False


def _written_at(contact: Json) -> datetime:
    return datetime.fromisoformat(contact["plaatsgevondenOp"])


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
