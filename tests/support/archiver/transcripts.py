"""Records of two conversations for a transcript: an ordinary one with everything in it, and one in
Arabic with emoji. They are as the router, the deliverer and the archiver write them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from archiver.transcript.builder import Content, ConversationEntries, Term, build_transcript
from archiver.transcript.transcript import Transcript
from services.contract import Record
from services.ids import uuid7
from tests.support.archiver.records import NUMBER

PHOTO = Path(__file__).parents[3] / "sandbox" / "page" / "photos" / "stoep.png"
TENANT, FRONT, STREETS = "almelo", "klantcontact", "openbare-ruimte"
NAMES = {FRONT: "Klantcontactcentrum", STREETS: "Openbare ruimte"}
MORNING = datetime(2026, 11, 20, 8, 14, 3, tzinfo=UTC)
FATIMA = {"identities": [{"kind": "phone", "value": "31600000011"}], "name": "Fatima"}
YOUSSEF = {"identities": [{"kind": "phone", "value": "31600000012"}], "name": "يوسف"}
LOTTE = {"kind": "employee", "id": "l.hendriks", "identified": "proven"}
MURAT = {"kind": "employee", "id": "m.yilmaz", "identified": "stated"}
AUTOMATIC = {"kind": "automated", "id": "postkamer"}
VERSION = "3f1c09a2b7de"
BY_RULE = {"rule": "stoep", "reason": '"stoep" staat erin (regel stoep)', "version": VERSION}
BY_DEFAULT = {"rule": "", "reason": "geen regel past hierbij", "version": VERSION}
GOES_ON = {"rule": "stoep", "reason": "hoort bij het gesprek", "version": VERSION}
FILE = "900"
"""Id of the photo at Meta."""
HASH = "6c1b29ad7d6a6e6a1f29a8ef2b6a7a0bb5d2a40ce2b49e0a0d6b5b9f3ad94c17"


class Story:
    """Writes the records of a conversation, in order. Ids follow from the story alone."""

    def __init__(self, name: str, person: Mapping[str, Any]) -> None:
        self.conversation, self.person = f"{NUMBER}-{name}", person
        self.records: list[Record] = []
        self.at, self.department, self._sequence = MORNING, FRONT, 0
        self._seed = int.from_bytes(name.encode()[:4].ljust(4, b"_"))

    def passes(self, **time: float) -> None:
        self.at += timedelta(**time)

    def add(self, kind: str, data: Mapping[str, Any], **fields: Any) -> Record:
        self._sequence += 2
        fields = {"sequence": self._sequence, "at": self.at} | fields
        record = Record(
            id=self.new_id(),
            kind=kind,
            data=msgspec.json.encode({"department": self.department} | dict(data)),
            tenant=TENANT,
            conversation=self.conversation,
            **fields,
        )
        self.records.append(record)
        return record

    def new_id(self) -> UUID:
        self._seed += 1
        return uuid7(self.at, self._seed.to_bytes(10))

    def step(self, event: str, author: Mapping[str, Any] | None = None, **data: Any) -> Record:
        by = {"by": {"token": "desk", "author": author}} if author else {}
        return self.add("conversation", {"event": event, "decision": GOES_ON} | by | data)

    def hears(self, type: str, item: Mapping[str, Any], text: str = "", **data: Any) -> Record:
        """A message of the citizen; `item` is what Meta says of it."""
        id = self.new_id()
        raw = {"id": f"wamid.{id.hex[-12:]}", "type": type} | dict(item)
        content = {"direction": "in", "type": type, "text": text, "wamid": raw["id"]}
        content |= {
            "number": NUMBER,
            "from": self.person,
            "decision": GOES_ON,
            "receivedAt": self.at,
        } | data
        return self.add("message", content, message=id, raw=msgspec.json.encode(raw))

    def says(self, text: str, author: Mapping[str, Any] = LOTTE, **data: Any) -> Record:
        content = {"direction": "out", "type": "text", "text": text, "author": author}
        content |= {"decision": GOES_ON, "status": "accepted", "receivedAt": self.at} | data
        message = self.add("message", content, message=self.new_id())
        self.outcome("send", message, {"state": "sent", "status": "sent", "reason": "",
                     "wamid": f"wamid.{message.message.hex[-12:]}"})  # type: ignore[union-attr] # fmt: skip
        return message

    def outcome(self, kind: str, about: Record, data: Mapping[str, Any], **fields: Any) -> Record:
        return self.add(kind, data, message=about.message, **{"sequence": 0} | fields)

    def reached(self, about: Record, *statuses: tuple[str, float]) -> None:
        for status, minutes in statuses:
            at = about.at + timedelta(minutes=minutes)
            self.outcome("status", about, {"status": status, "at": at, "reason": ""}, at=at)


def wamid_of(record: Record) -> str:
    assert record.message
    return f"wamid.{record.message.hex[-12:]}"


def _photo(story: Story) -> Record:
    medium = {"id": FILE, "mimeType": "image/png", "filename": "", "sha256": ""}
    photo = story.hears("image", {"image": {"id": "1"}}, "Kijk, hier is het 😕", medium=medium)
    kept = {"state": "available", "reason": "", "mimeType": "image/png"}
    kept |= {"size": PHOTO.stat().st_size, "sha256": HASH, "scanned": True}
    story.outcome("media", photo, kept)
    return photo


def ordinary() -> Story:
    """A conversation of two days with a photo, a place, a quote, an edit, a withdrawal, a
    correction, a note, a reaction and steps."""
    story = Story("mfrggzdfmztwq2lknnwg23tpoa", FATIMA)
    first = _begin(story)
    photo = _send_photo_and_place(story)
    _change_minds(story)
    annotation = "De inwoner laat weten: de stoep ligt open sinds maandag, geen week."
    by = {"by": "W. Dekker", "identified": "stated"}
    story.outcome("annotation", first, by | {"text": annotation})
    story.passes(minutes=12)
    noted = "Melding gemaakt bij de aannemer, komt woensdag."
    story.add("note", {"id": story.new_id(), "author": LOTTE, "text": noted})
    answer = story.says("Dank u wel! Woensdag maken wij de stoep.", quoted=photo.message)
    story.reached(answer, ("delivered", 0.1), ("read", 1290))
    story.step("linked", LOTTE, zaak="ZAAK-2026-0012345")
    _end(story, answer)
    return story


def _begin(story: Story) -> Record:
    """A question, its automatic answer, and who takes it."""
    story.step("opened", decision=BY_RULE)
    text = "De stoep bij de speeltuin ligt al een week open"
    first = story.hears("text", {"text": {"body": text}}, text, decision=BY_RULE)
    reply = "Dank u wel. U krijgt binnen een werkdag antwoord."
    why = BY_RULE | {"reason": "vast antwoord ontvangen"}
    automatic = story.says(
        f"{reply}\n\nDit antwoord is automatisch gemaakt.", AUTOMATIC, decision=why
    )
    story.reached(automatic, ("delivered", 0.1), ("read", 2))
    story.passes(minutes=21)
    story.department = STREETS
    story.step("transferred", MURAT, **{"from": FRONT, "reason": "Gaat over een stoep"})
    story.passes(minutes=4)
    story.step("transferred", LOTTE, **{"from": STREETS})
    question = story.says("Vervelend! Kunt u een foto sturen, en de plaats?")
    story.reached(question, ("delivered", 0.2), ("read", 38))
    story.passes(minutes=38)
    return first


def _send_photo_and_place(story: Story) -> Record:
    photo = _photo(story)
    story.passes(minutes=1)
    name, address = "Speeltuin De Weezeboom", "Weezebeeksingel 12, Almelo"
    place = {"latitude": 52.3574, "longitude": 6.6661, "name": name, "address": address}
    story.hears("location", {"location": place}, f"{name}\n{address}")
    story.passes(minutes=2)
    return photo


def _change_minds(story: Story) -> None:
    """The citizen edits a message, and withdraws another."""
    wrong = story.hears("text", {"text": {"body": "Het zijn drie tegels"}}, "Het zijn drie tegels")
    story.passes(minutes=1)
    right = "Het zijn twee tegels en een rand"
    edit = {"original_message_id": wamid_of(wrong)}
    edit |= {"message": {"type": "text", "text": {"body": right}}}  # type: ignore[dict-item]
    story.hears("edit", {"edit": edit}, right)
    private = "Mijn buurman Henk van nummer 14 heeft het gedaan"
    accusing = story.hears("text", {"text": {"body": private}}, private)
    story.passes(minutes=3)
    story.hears("revoke", {"revoke": {"original_message_id": wamid_of(accusing)}})


def _end(story: Story, answer: Record) -> None:
    story.passes(hours=21.5)
    thumb = {"reaction": {"message_id": wamid_of(answer), "emoji": "👍"}}
    story.hears("reaction", thumb, "👍")
    thanks = {"text": {"body": "Fijn, dank u wel"}, "context": {"id": wamid_of(answer)}}
    story.hears("text", thanks, "Fijn, dank u wel")
    failing = story.says("Graag gedaan.")
    reason = "131026: dit nummer kan geen WhatsApp-bericht ontvangen"
    story.outcome("status", failing, {"status": "failed", "at": story.at, "reason": reason})
    story.passes(minutes=9)
    story.step(
        "closed", LOTTE, outcome="answered", retentionCode="6.1.3", reason="De stoep is gemaakt"
    )


def arabic() -> Story:
    """A conversation in Arabic, with emoji, and with a danger that a person confirmed."""
    story = Story("nbswy3dpeb3w64tmmqxc4lro5q", YOUSSEF)
    story.step("opened", decision=BY_DEFAULT)
    text = "مرحبا، حاوية القمامة ممتلئة منذ 3 أسابيع 😩🗑️ شكرا جزيلا لكم!"
    first = story.hears("text", {"text": {"body": text}}, text, decision=BY_DEFAULT)
    story.passes(minutes=6)
    answer = story.says(
        "مرحبا يوسف 👋 سنفرغ الحاوية يوم الأربعاء.\nDag Youssef, woensdag legen wij de container.",
        decision=GOES_ON,
    )
    story.reached(answer, ("delivered", 0.1), ("read", 3))
    story.passes(minutes=4)
    thanks = {"text": {"body": "شكرا 🙏🏽👨‍👩‍👧‍👦"}, "context": {"id": wamid_of(first)}}
    story.hears("text", thanks, "شكرا 🙏🏽👨‍👩‍👧‍👦 الرقم 12-A")
    heart = {"reaction": {"message_id": wamid_of(answer), "emoji": "❤️"}}
    story.hears("reaction", heart, "❤️")
    return story


def rows_of(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Entries as the archive reads them back."""
    names = ("id", "kind", "at", "tenant", "conversation", "message", "sequence", "data", "raw")
    return [
        {name: getattr(each, name) for name in names}
        | {"department": msgspec.json.decode(each.data).get("department") or ""}
        for each in records
    ]


def entries_of(records: Iterable[Record], **more: Any) -> ConversationEntries:
    rows = rows_of(records)
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row)
    fates = [row for row in rows if row["kind"] not in ("message", "note", "conversation")]
    given = {
        "id": rows[0]["conversation"],
        "municipality": "Gemeente Voorbeeldstad",
        "number": NUMBER,
        "messages": kinds.get("message", []),
        "steps": kinds.get("conversation", []),
        "notes": kinds.get("note", []),
        "fates": fates,
    }
    return ConversationEntries(**given | more)  # type: ignore[arg-type]


def contents_of(records: Sequence[Record], content: bytes, type: str) -> dict[UUID, Content]:
    """The same picture for each photo."""
    return {
        each.message: Content("picture", content, type, original=content)
        for each in records
        if each.message and b'"type":"image"' in each.data
    }


def transcript_of(
    story: Story, contents: Mapping[UUID, Content] | None = None, **more: Any
) -> Transcript:
    """The transcript of a story."""
    entries = entries_of(story.records, **{"term": Term("destroy", "6.1.3", None)} | more)
    return build_transcript(entries, lambda id: NAMES.get(id, id), contents or {})
