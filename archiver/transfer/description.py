"""Describe a conversation in MDTO: the dossier, its documents and their files. Pure.

The conversation is the dossier. Its documents are what an archivist would call one: the
conversation as it can be read, each file that somebody sent, the bodies as they were received, and
the account of decisions and proofs. A message alone is no document: without the messages around it
nobody can say what it means, and its metadata would only repeat those of the conversation.

Nothing here depends on when or how often the conversation is exported: an event Export would give
the same record other bytes each time. The packing slip says when it was.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import msgspec

from archiver.index.record_fields import Identity
from archiver.retention.valuation import State, is_permanent
from archiver.transfer.formats import Format
from archiver.transfer.mdto import (
    APPRAISALS,
    EVENTS,
    INVOLVED,
    OWN,
    RELATED,
    Concept,
    Coverage,
    Event,
    FileObject,
    Identification,
    InformationObject,
    Involved,
    Reference,
    Related,
    Restriction,
    RetentionTerm,
)
from services.calendar.opening_hours import AMSTERDAM
from services.config.model import Configuration
from services.config.organisation import Tenant
from services.retention.selection_list import NAME, RESULTS

TOOI = {
    "gm": "TOOI register Gemeenten compleet",
    "pv": "TOOI register Provincies compleet",
    "ws": "TOOI register Waterschappen compleet",
}
"""First letters of a code -> the register that it is from."""
PERMANENT = Concept("Blijvend te bewaren", APPRAISALS, "B")
TEMPORARY = Concept("Tijdelijk te bewaren", APPRAISALS, "V")
UNDECIDED = Concept("Nader te bepalen", APPRAISALS, "N")
CLOSING, STATED = Concept("Bevriezing", EVENTS), Concept("Begin van de termijn", OWN)
LIFETIME = Concept("Looptijd gesprek", OWN)
PERSONAL = Restriction(
    Concept("Persoonsgegevens (AVG)", OWN),
    "Niet openbaar zonder beoordeling: namen, nummers, tekst",
)
CONFIDENTIAL = "Vertrouwelijke afdeling: {}"
DEFAULT_LANGUAGE = "nl"
PSEUDONYM = b"transfer: citizen\0"
PSEUDONYM_DIGITS = 32


class Department(msgspec.Struct, frozen=True):
    id: str
    name: str
    is_confidential: bool


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """The municipality that hands over, and the place that receives."""

    tenant: str
    name: str
    tooi: str
    """Code in TOOI, such as gm0141; ''."""
    target: Reference
    """Object in the receiving system under which everything comes."""
    activity: str = ""
    """URI of the processing activity in the municipality's register."""

    @property
    def source(self) -> str:
        """Name of this system, in which our ids are unique."""
        return f"Postkamer {self.name}"

    @property
    def creator(self) -> Reference:
        register = TOOI.get(self.tooi[:2])
        return Reference(self.name, Identification(self.tooi, register) if register else None)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a conversation that its metadata say."""

    conversation: str
    departments: tuple[Department, ...]
    """All that had it, in order."""
    opened_at: datetime
    closed_at: datetime
    state: State
    code: str
    """Result of the selection list; ''."""
    starts_on: date | None
    kept_until: date | None
    zaak: str = ""
    messages: int = 0
    destroyed: int = 0
    """Messages of which nothing is left but that they were there."""
    first_received_at: datetime | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    languages: tuple[str, ...] = ()
    citizens: tuple[str, ...] = ()
    """Pseudonyms."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document (`archiefstuk`) of a conversation, without its files."""

    name: str
    """In the package."""
    title: str
    description: str = ""
    events: tuple[tuple[str, datetime], ...] = ()


class Describer(msgspec.Struct, frozen=True):
    """Describes the objects of one organisation."""

    organisation: Organisation
    hashed_at: datetime
    """Time of the checkpoint, as of which everything is exported: so that the same record has the
    same bytes, however often it is read."""

    def identify(self, key: str) -> Identification:
        return Identification(key, self.organisation.source)

    def dossier_reference(self, conversation: str) -> Reference:
        return Reference(title_of(conversation), self.identify(conversation))

    def describe_dossier(
        self, facts: Facts, parts: Iterable[Reference], additional: Iterable[Reference]
    ) -> InformationObject:
        reference = self.dossier_reference(facts.conversation)
        return InformationObject(
            id=self.identify(facts.conversation),
            name=reference.name,
            level="Dossier",
            classification=tuple(self._departments(facts)),
            description=_summary(facts),
            coverage=Coverage(LIFETIME, *_days(facts)),
            languages=facts.languages or (DEFAULT_LANGUAGE,),
            events=tuple(self._events(_steps(facts))),
            **self._appraisal(facts),
            part_of=self.organisation.target,
            parts=tuple(parts),
            additional=tuple(additional),
            related=tuple(_related(facts)),
            **self._context(facts),
        )

    def describe_document(
        self, facts: Facts, document: Document, files: Sequence[Reference]
    ) -> InformationObject:
        return InformationObject(
            id=self.identify(document.name),
            name=document.title,
            level="Archiefstuk",
            description=document.description,
            events=tuple(self._events(document.events)),
            **self._appraisal(facts),
            part_of=self.dossier_reference(facts.conversation),
            representations=tuple(files),
            **self._context(facts),
        )

    def describe_beside(self, document: Document, files: Sequence[Reference]) -> InformationObject:
        """Describe a document about the whole package."""
        return InformationObject(
            id=self.identify(document.name),
            name=document.title,
            level="Archiefstuk",
            description=document.description,
            languages=(DEFAULT_LANGUAGE,),
            appraisal=UNDECIDED,
            part_of=self.organisation.target,
            representations=tuple(files),
            creator=self.organisation.creator,
            restrictions=(
                Restriction(Concept("Geen beperking", "Begrippenlijst Beperkingen MDTO")),
            ),
        )

    def describe_file(
        self, name: str, size: int, digest: str, format: Format, represents: Reference
    ) -> FileObject:
        return FileObject(
            id=self.identify(name),
            name=name,
            size=size,
            format=format.concept,
            sha256=digest,
            hashed_at=self.hashed_at,
            represents=represents,
        )

    def _departments(self, facts: Facts) -> Iterator[Concept]:
        for each in facts.departments:
            yield Concept(each.name, f"Afdelingen {self.organisation.name}", each.id)

    def _events(self, events: Iterable[tuple[str, datetime]]) -> Iterator[Event]:
        for label, at in events:
            yield Event(label, at, Reference(self.organisation.source))

    def _appraisal(self, facts: Facts) -> dict[str, Any]:
        result = RESULTS.get(facts.code)
        return {
            "appraisal": _appraisal(facts),
            "term": _term(facts),
            "category": Concept(result.title, NAME, result.code) if result else None,
        }

    def _context(self, facts: Facts) -> dict[str, Any]:
        activity = self.organisation.activity
        source = Identification(activity, "Register van verwerkingsactiviteiten")
        return {
            "creator": self.organisation.creator,
            "involved": tuple(self._citizens(facts)),
            "activity": Reference("Berichten van inwoners behandelen", source)
            if activity
            else None,
            "restrictions": (PERSONAL, *_confidential(facts)),
        }

    def _citizens(self, facts: Facts) -> Iterator[Involved]:
        for pseudonym in facts.citizens:
            actor = Reference("Inwoner (gepseudonimiseerd)", self.identify(pseudonym))
            yield Involved(Concept("Indiener", INVOLVED), actor)


def title_of(conversation: str) -> str:
    return f"WhatsApp-gesprek {conversation}"


def pseudonym_of(key: bytes, identity: Identity) -> str:
    """Return the pseudonym of a citizen: the same in each dossier of a municipality, and nothing to
    whoever has not its key."""
    name = f"{identity.kind}\0{identity.value}".encode()
    return hmac.new(key, PSEUDONYM + name, sha256).hexdigest()[:PSEUDONYM_DIGITS]


def department_of(config: Configuration, tenant: str, id: str) -> Department:
    """Return a department; one that is not configured any more has its id as its name, and counts
    as confidential, since nobody can say that it was not."""
    found = config.department(tenant, id)
    if found is None:
        return Department(id, id, is_confidential=True)
    return Department(id, found.name, found.confidential)


def organisation_of(tenant: Tenant, target: str, target_id: str = "") -> Organisation:
    """`target` is the object in the receiving system, by the name and id that it gave."""
    id = Identification(target_id, "Doelsysteem") if target_id else None
    return Organisation(
        tenant=tenant.id,
        name=tenant.name,
        tooi=tenant.tooi,
        target=Reference(target, id),
        activity=tenant.processing_activity,
    )


def _summary(facts: Facts) -> str:
    noun = "bericht" if facts.messages == 1 else "berichten"
    gone = f", waarvan {facts.destroyed} vernietigd" if facts.destroyed else ""
    return f"Gesprek met een inwoner via WhatsApp: {facts.messages} {noun}{gone}"


def _days(facts: Facts) -> tuple[date, date]:
    """Return the first and the last day on which something was said."""
    first = min(facts.first_at or facts.opened_at, facts.opened_at)
    last = max(facts.last_at or facts.closed_at, first)
    return first.astimezone(AMSTERDAM).date(), last.astimezone(AMSTERDAM).date()


def _steps(facts: Facts) -> Iterator[tuple[str, datetime]]:
    """Yield the events of the dossier. One that we began has no receipt before the citizen's
    answer."""
    if facts.first_received_at:
        yield "Ontvangst", facts.first_received_at
    else:
        yield "Creatie", facts.opened_at
    yield "Bevriezing", facts.closed_at


def _appraisal(facts: Facts) -> Concept:
    if facts.state == "permanent" or is_permanent(facts.code):
        return PERMANENT
    return TEMPORARY if facts.code in RESULTS else UNDECIDED


def _term(facts: Facts) -> RetentionTerm | None:
    result = RESULTS.get(facts.code)
    if result is None or result.term is None:
        return None
    if facts.starts_on:
        return RetentionTerm(STATED, facts.starts_on, result.keep, facts.kept_until)
    if facts.kept_until:
        closed_on = facts.closed_at.astimezone(AMSTERDAM).date()
        return RetentionTerm(CLOSING, closed_on, result.keep, facts.kept_until)
    return RetentionTerm(duration=result.keep)  # it waits for the begin of its term


def _related(facts: Facts) -> Iterator[Related]:
    if facts.zaak:
        zaak = Reference("Zaak", Identification(facts.zaak, "Zaaksysteem"))
        yield Related(zaak, Concept("Refereert aan", RELATED))


def _confidential(facts: Facts) -> Iterator[Restriction]:
    names = [each.name for each in facts.departments if each.is_confidential]
    if names:
        description = CONFIDENTIAL.format(", ".join(names))
        yield Restriction(Concept("Overig", "Begrippenlijst Beperkingen MDTO"), description)
